"""From a model and a precision to a detector on the GPU: choose, build where needed, check, load."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aoi_app.core.errors import EngineError
from aoi_app.core.folders import plant_images_dir
from aoi_app.core.inspection import EngineInfo
from aoi_app.inference.card import Channels
from aoi_app.inference.catalog import engines_dir
from aoi_app.inference.model import Model
from aoi_app.inference.precision import in_precision
from aoi_app.inference.quantise import Progress
from aoi_app.inference.runtimes.base import Option, Options, chosen_options
from aoi_app.inference.runtimes.tensorrt.activation import LANES, Activation
from aoi_app.inference.runtimes.tensorrt.budget import MIB, VramBudget, estimate, ring_bytes
from aoi_app.inference.runtimes.tensorrt.builder import BuildRequest, Profile, build_plan
from aoi_app.inference.runtimes.tensorrt.detector import TensorRtDetector
from aoi_app.inference.runtimes.tensorrt.gpu.driver import enter
from aoi_app.inference.runtimes.tensorrt.gpu.memory import memory_info
from aoi_app.inference.runtimes.tensorrt.hardware import GpuFacts, choose_precision, query_gpu
from aoi_app.inference.runtimes.tensorrt.kernelset import check_head
from aoi_app.inference.runtimes.tensorrt.library import Library, open_library
from aoi_app.inference.runtimes.tensorrt.manifest import (
    ANY_GPU,
    Manifest,
    PlanKey,
    PlanRefused,
    manifest_of,
    slower_than,
)
from aoi_app.inference.runtimes.tensorrt.progress import BuildWatch
from aoi_app.inference.runtimes.tensorrt.session import EngineSession
from aoi_app.inference.runtimes.tensorrt.store import EngineStore

_log = logging.getLogger(__name__)

DEFAULTS: Mapping[str, Option] = {
    "device": 0,
    "batch": 0,
    "max_batch": 16,
    "optimisation_level": 3,
    "workspace_mib": 1024,
    "store": "",
    "calibration": "",
    "golden_mib": 256,
    "degrade": True,
    "build": True,
}
"""Options of the runtime.

device: index of the GPU. batch: tiles of a launch, 0 measures and chooses. max_batch: most tiles the engine takes.
optimisation_level: 0 (fast build) to 5 (fast engine). workspace_mib: device memory for tactics. store: folder of built
engines, '' for `built` in the engines folder. calibration: images for INT8, '' for the plant's own. golden_mib: largest
golden board that stays on the GPU from board to board; a larger one travels with every board.
degrade: use a higher precision, with a message, where the GPU cannot do the one asked for. build: build what is
missing.
"""
_BUILD_WAIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan that was checked or built, and everything that belongs to it.

    Attributes
    ----------
    model
        In the precision that is used.
    message
        Why another precision is used than the one asked for; '' when it is not.
    """

    model: Model
    key: PlanKey
    plan: bytes
    manifest: Manifest
    path: Path
    message: str


class TensorRt:
    """One library (`tensorrt` or `tensorrt_rtx`) as a runtime of the station."""

    name = "tensorrt"

    def open(
        self,
        model: Model,
        precision: str,
        options: Options,
        progress: Progress,
        *,
        min_confidence: float,
        overlap: int,
    ) -> TensorRtDetector:
        """Return a detector that does everything but merging on the GPU.

        Raises
        ------
        BackendMissing
            A library is not installed.
        EngineError
            The GPU, its memory or the engine does not do.
        ModelError
            The network cannot be built.
        """
        chosen = chosen_options(self.title, options, DEFAULTS)
        library = open_library(self.name)
        gpu = query_gpu(int(chosen["device"]))
        check_head(model)
        prepared = prepare(library, gpu, model, precision, chosen, progress)
        enter(gpu.index)
        before = memory_info()[0]
        golden = int(chosen["golden_mib"]) * MIB
        budget = load_budget(prepared, overlap, golden)
        budget.check(before, f"load {prepared.path.name}")
        progress(1.0, f"loading {prepared.path.name}")
        activation = Activation(library, prepared.plan, prepared.model, gpu, int(chosen["batch"]), min_confidence)
        try:
            slower = slower_engine(prepared, open_store(chosen), activation.tile_ms)
            info = engine_info(library, gpu, prepared, activation, model.path.name, slower)
            detector = TensorRtDetector(
                prepared.model,
                activation,
                info,
                min_confidence=min_confidence,
                overlap=overlap,
                golden_bytes=golden,
            )
        except BaseException:
            activation.close()
            raise
        _note_what_runs(prepared, open_store(chosen), info, budget, before - memory_info()[0], activation.tile_ms)
        return detector

    def load(self, model: Model, precision: str, options: Options, progress: Progress) -> EngineSession:
        """Return a session that gives the raw outputs. Raises as `open`."""
        chosen = chosen_options(self.title, options, DEFAULTS)
        library = open_library(self.name)
        gpu = query_gpu(int(chosen["device"]))
        prepared = prepare(library, gpu, model, precision, chosen, progress)
        return EngineSession(library, prepared.plan, prepared.model, (gpu.index, gpu.name), int(chosen["batch"]))

    @property
    def title(self) -> str:
        """Name for people."""
        return "TensorRT"


class TensorRtRtx(TensorRt):
    """TensorRT for RTX: plans are built without a GPU and finished on the one they run on."""

    name = "tensorrt_rtx"

    @property
    def title(self) -> str:
        """Name for people."""
        return "TensorRT for RTX"


def open_store(options: Mapping[str, Option]) -> EngineStore:
    """Return the store that the options name."""
    return EngineStore(Path(str(options["store"])) if options["store"] else engines_dir() / "built")


def plan_key(library: Library, gpu: GpuFacts | None, model: Model, precision: str, options: Options) -> PlanKey:
    """Return the key of the plan that is needed.

    Parameters
    ----------
    gpu
        None for a library whose plans are not bound to one.
    model
        In its final precision.
    """
    most = model.batch or int(options["max_batch"])
    best = model.batch or min(8, most)
    return PlanKey(
        model=model.card.name or model.path.stem,
        onnx_sha256=model.sha256,
        precision=precision,
        library=library.name,
        version=library.version,
        gpu=gpu.name if gpu is not None else ANY_GPU,
        compute_capability=gpu.compute_capability_text if gpu is not None else ANY_GPU,
        batches=(model.batch or 1, best, most),
        size=model.size,
        optimisation_level=int(options["optimisation_level"]),
        workspace_mib=int(options["workspace_mib"]),
    )


def prepare(
    library: Library,
    gpu: GpuFacts | None,
    model: Model,
    precision: str,
    options: Options,
    progress: Progress,
    again: bool = False,
) -> Prepared:
    """Return the plan for a model: from the store when it is whole and right, else built.

    Parameters
    ----------
    gpu
        None builds without a GPU, which only TensorRT for RTX can.
    again
        Build it although it is there.
    """
    message = ""
    if gpu is not None:
        choice = choose_precision(precision, gpu, bool(options["degrade"]))
        precision, message = choice.precision, choice.message
        if message:
            _log.warning("%s", message)
            progress(0.0, message)
    images = Path(str(options["calibration"] or plant_images_dir()))
    made = in_precision(model, precision, images=(images,) if precision == "int8" else (), progress=progress).model
    bound = None if library.portable else gpu
    key = plan_key(library, bound, made, precision, options)
    store = open_store(options)
    if again:
        store.discard(key)
    try:
        plan, manifest = store.load(key)
    except PlanRefused as error:
        if not options["build"]:
            raise
        _log.info("%s", error)
        progress(0.0, str(error))
        plan, manifest = _build(library, gpu, made, key, store, options, progress)
    return Prepared(made, key, plan, manifest, store.path(key), message)


def _build(
    library: Library,
    gpu: GpuFacts | None,
    model: Model,
    key: PlanKey,
    store: EngineStore,
    options: Options,
    progress: Progress,
) -> tuple[bytes, Manifest]:
    with store.building(_BUILD_WAIT_S, lambda: progress(0.0, "waiting for another program that builds an engine")):
        try:
            return store.load(key)  # another program may have built it while this one waited
        except PlanRefused:
            pass
        shape = model.input_shape(key.batches[2])
        if gpu is not None:
            enter(gpu.index)
            budget = estimate(model.path, model.input_name, shape, 1, key.workspace_mib, 0)
            budget.check(memory_info()[0], f"build {key.precision} of {key.model}")
        request = BuildRequest(
            model.path,
            model.input_name,
            shape,
            Profile(*key.batches),
            dynamic=model.batch is None or model.dynamic_size,
            optimisation_level=key.optimisation_level,
            workspace_mib=key.workspace_mib,
            timing_cache=None if library.portable else store.timing_cache(key),
        )
        watch = BuildWatch(progress)
        built = build_plan(library, request, watch)
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        driver = gpu.driver if gpu is not None else ""
        manifest = manifest_of(key, built.data, driver=driver, built_at=now, build_seconds=built.seconds)
        store.save(key, built.data, manifest)
        watch.raise_stop()  # 8.6 cannot be stopped: what it made for minutes is kept all the same
        watch.report(1.0, "the plan is built")
        return built.data, manifest


def load_budget(prepared: Prepared, overlap: int, golden: int = 0) -> VramBudget:
    """Return what loading a plan will take, bytes: weights from the plan itself, the rest from the network.

    Parameters
    ----------
    golden
        Bytes of the largest golden board that stays on the device; a network that looks at none has none.
    """
    model, most = prepared.model, prepared.key.batches[2]
    ring = ring_bytes(model.size, overlap, most)
    planned = estimate(model.path, model.input_name, model.input_shape(most), LANES, 0, ring)
    items = {name: nbytes for name, nbytes in planned.items.items() if name != "workspace"}
    if model.card.input.channels is Channels.GREY_GOLDEN:
        items["golden board"] = max(ring, golden)
    return VramBudget({**items, "weights": len(prepared.plan)})


def slower_engine(prepared: Prepared, store: EngineStore, tile_ms: float) -> str:
    """Return, for people, that an engine of higher precision is faster; '' where none is known.

    The builder takes what is fastest while it measures: what disturbs it then stays in the plan.
    """
    own = prepared.manifest.model_copy(update={"tile_ms": tile_ms})
    faster = slower_than(own, (plan.manifest for plan in store.plans() if plan.manifest and not plan.problem))
    if faster is None:
        return ""
    said = (
        f"slower than {faster.precision}: {tile_ms:.3f} ms a tile, {faster.tile_ms:.3f} there; while the GPU has "
        "nothing else to do, build it again (aoi engine build --again)"
    )
    _log.warning("%s is %s.", prepared.path.name, said)
    return said


def _note_what_runs(
    prepared: Prepared, store: EngineStore, info: EngineInfo, budget: VramBudget, taken: int, tile_ms: float
) -> None:
    """Write into the manifest what the engine itself told, and compare the memory it took with its budget."""
    # The rings are taken with the first board.
    expected = budget.without("board ring", "golden board").total
    level = logging.WARNING if taken > expected else logging.INFO
    text = "%s took %d MiB of GPU memory; its budget was %s"
    _log.log(level, text, prepared.path.name, taken // MIB, budget)
    manifest = prepared.manifest
    news: dict[str, object] = {}
    if (manifest.layers, manifest.device_bytes) == ("", 0):
        news |= {"layers": info.precision, "device_bytes": taken}
    if tile_ms and not manifest.tile_ms:
        news |= {"tile_ms": tile_ms}
    if news:
        try:
            store.note(prepared.path, manifest.model_copy(update=news))
        except EngineError as error:  # the engine runs all the same
            _log.warning("%s", error)


def engine_info(
    library: Library, gpu: GpuFacts, prepared: Prepared, activation: Activation, model: str, slower: str = ""
) -> EngineInfo:
    """Return what really runs; the precision as the engine itself tells it. Raises EngineError on a plain FP32 swap."""
    report = activation.engine.precision
    if report.layers and prepared.key.precision != "fp32" and prepared.key.precision not in report.counts:
        raise EngineError(
            f"{prepared.path.name} was built as {prepared.key.precision}, but it runs {report}.",
            "Choose fp32, or another model: this one gains nothing.",
        )
    detail = [f"batch {activation.batch}"]
    detail += [text for text in (slower, prepared.message) if text]
    return EngineInfo(
        runtime=library.title,
        precision=str(report),
        model=model,
        sha256=prepared.manifest.plan_sha256,
        device=gpu.name,
        class_names=prepared.model.class_names,
        detail="; ".join(detail),
    )
