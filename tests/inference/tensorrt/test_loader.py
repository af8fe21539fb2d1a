"""From a model and a precision to a detector: what is refused, degraded, built, and taken from the store."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aoi_app.core.errors import EngineError, ModelError
from aoi_app.inference import commands
from aoi_app.inference.layout import Form
from aoi_app.inference.model import read_model
from aoi_app.inference.runtimes.fields import TENSORRT
from aoi_app.inference.runtimes.tensorrt import progress as progress_module
from aoi_app.inference.runtimes.tensorrt.builder import TIMINGS
from aoi_app.inference.runtimes.tensorrt.detector import TensorRtDetector
from aoi_app.inference.runtimes.tensorrt.library import Library
from aoi_app.inference.runtimes.tensorrt.loader import DEFAULTS, TensorRt
from aoi_app.inference.runtimes.tensorrt.manifest import PlanAltered, PlanMissing
from aoi_app.inference.runtimes.tensorrt.store import EngineStore
from tests.inference.tensorrt import standin_cuda
from tests.inference.tensorrt.standin_cuda import OK, StandInCuda
from tests.inference.tensorrt.standin_trt import Severity, StandInTrt
from tests.inference.tensorrt.test_detector import OVERLAP, board, inspect


def open_one(
    network: Path, store: Path, precision: str = "fp32", heard: Any = None, **options: Any
) -> TensorRtDetector:
    chosen = {"store": str(store), "max_batch": 2, "batch": 2, **options}
    progress = heard or (lambda share, text: None)
    return TensorRt().open(read_model(network), precision, chosen, progress, min_confidence=0.25, overlap=OVERLAP)


def test_an_engine_is_built_once(trt: StandInTrt, network: Path, store: Path) -> None:
    open_one(network, store).close()
    open_one(network, store).close()
    assert trt.builds == 1
    (plan,) = EngineStore(store).plans()
    assert plan.manifest is not None
    assert (plan.manifest.layers, plan.manifest.gpu) == ("fp32", "Stand-in GPU")
    assert plan.manifest.device_bytes > 0
    assert plan.manifest.driver == "13.0"


def test_another_version_builds_its_own(trt: StandInTrt, network: Path, store: Path) -> None:
    open_one(network, store).close()
    open_one(network, store, workspace_mib=64).close()
    assert trt.builds == 2, "other settings, another plan"
    assert len(EngineStore(store).plans()) == 2


def test_everything_lies_on_the_gpu_that_was_chosen(
    trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path
) -> None:
    cuda.devices = 2
    detector = open_one(network, store, device=1, batch=0)
    inspect(detector, board(130, 150, 6))
    assert {cuda.owners[address] for address in cuda.blocks} == {2}, "the context of the second GPU"
    detector.close()
    assert cuda.held == 0


def test_an_altered_plan_is_built_again_and_said(trt: StandInTrt, network: Path, store: Path) -> None:
    open_one(network, store).close()
    plan = next(store.glob("*.plan"))
    plan.write_bytes(plan.read_bytes()[:-1] + b"!")
    with pytest.raises(PlanAltered):
        open_one(network, store, build=False)
    said: list[str] = []
    open_one(network, store, heard=lambda share, text: said.append(text)).close()
    assert any("was altered" in text for text in said)
    assert trt.builds == 2


def test_nothing_is_built_where_that_is_not_wanted(trt: StandInTrt, network: Path, store: Path) -> None:
    with pytest.raises(PlanMissing):
        open_one(network, store, build=False)


def test_a_gpu_without_fast_fp16_runs_fp32_and_says_so(
    trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda, "cuDeviceGetAttribute", lambda attribute, device: (OK, {75: 6, 76: 1, 16: 10}[attribute]))
    detector = open_one(network, store, "fp16")
    assert detector.info.precision == "fp32"
    assert "fp32 is used instead of fp16" in detector.info.detail
    detector.close()
    with pytest.raises(EngineError, match="no fast FP16"):
        open_one(network, store, "fp16", degrade=False)


def test_fp16_runs_as_fp16(trt: StandInTrt, network: Path, store: Path) -> None:
    detector = open_one(network, store, "fp16")
    assert detector.info.precision == "fp16"
    assert detector.activation.engine.source.dtype.itemsize == 2, "the kernel writes FP16"
    single = open_one(network, store, "fp32")
    pixels = board(130, 150, 6)
    assert abs(len(inspect(detector, pixels)) - len(inspect(single, pixels))) <= 1
    detector.close()
    single.close()


def test_an_fp16_engine_that_is_slower_than_fp32_says_so(
    trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build that was disturbed chose FP32 for half of the layers: the plan was right, and slower than the one it was
    to replace."""

    def opened(precision: str, milliseconds: float) -> str:
        monkeypatch.setattr(cuda, "cuEventElapsedTime", lambda start, end: (OK, milliseconds))
        detector = open_one(network, store, precision, batch=0)
        detector.close()
        return detector.info.detail

    assert "slower" not in opened("fp32", 0.4)
    assert "slower than fp32: 0.250 ms a tile, 0.200 there" in opened("fp16", 0.5)
    assert "build it again (aoi engine build --again)" in opened("fp16", 0.5)
    assert "slower" not in opened("fp16", 0.3), "what counts is what is measured now"
    assert {plan.manifest.tile_ms for plan in EngineStore(store).plans() if plan.manifest} == {0.2, 0.25}


def test_an_engine_is_built_again_with_all_tactics_measured_anew(
    trt: StandInTrt, network: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "open_library", lambda name: Library(name, trt))
    for again in ([], [], ["--again"]):
        answer = CliRunner().invoke(
            commands.app, ["build", "--model", str(network), "--store", str(store), "--no-gate", *again]
        )
        assert answer.exit_code == 0, answer.output
    assert trt.builds == 2
    assert trt.caches == [b"", b""], "the tactics of the first build are not those of the second"
    assert {config.avg_timing_iterations for config in trt.configs} == {TIMINGS}


def test_an_fp16_engine_that_runs_fp32_is_refused(
    trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path
) -> None:
    trt.runs_single = True
    with pytest.raises(EngineError, match="was built as fp16, but it runs fp32"):
        open_one(network, store, "fp16")
    assert cuda.held == 0, "what was refused holds nothing"


def test_a_plan_that_the_library_refuses(trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path) -> None:
    open_one(network, store).close()
    trt.refuse = True
    with pytest.raises(EngineError, match="could not load the plan: the plan is not from here"):
        open_one(network, store)
    assert cuda.held == 0


def test_what_does_not_fit_is_refused_before_it_is_built(
    trt: StandInTrt, network: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standin_cuda, "TOTAL", 200 << 20)
    with pytest.raises(EngineError, match=r"to build fp32 of net: weights .* workspace 1024 .* 200 MiB are free"):
        open_one(network, store)
    assert trt.builds == 0


def test_the_budget_counts_the_golden_board_of_a_network_that_looks_at_one(
    trt: StandInTrt, cuda: StandInCuda, network: Path, pair_network: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_one(network, store, workspace_mib=16).close()
    open_one(pair_network, store, workspace_mib=16).close()
    monkeypatch.setattr(standin_cuda, "TOTAL", 300 << 20)
    open_one(network, store, workspace_mib=16).close()
    with pytest.raises(EngineError, match=r"board ring \d+ \+ golden board 256 = \d+ MiB are needed, 300 MiB are free"):
        open_one(pair_network, store, workspace_mib=16)
    open_one(pair_network, store, workspace_mib=16, golden_mib=0).close()


def test_memory_that_runs_out_on_the_way_is_given_back(
    trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_one(network, store).close()
    real, calls = cuda.cuMemAlloc, 0

    def fails_later(nbytes: int) -> Any:
        nonlocal calls
        calls += 1
        return (standin_cuda.CUresult.CUDA_ERROR_OUT_OF_MEMORY, 0) if calls > 9 else real(nbytes)

    monkeypatch.setattr(cuda, "cuMemAlloc", fails_later)
    with pytest.raises(EngineError, match="memory is exhausted"):
        open_one(network, store)
    assert (cuda.held, cuda.graphs, cuda.streams) == (0, {}, {})


@pytest.mark.parametrize("version", ["8.6.0"])
def test_a_build_that_cannot_be_watched_is_said_to_go_on_and_kept_when_stopped(
    trt: StandInTrt, cuda: StandInCuda, network: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stop(Exception):
        pass

    heard = threading.Event()

    def progress(share: float, text: str) -> None:
        if text.endswith("s so far"):
            heard.set()
            raise Stop

    monkeypatch.setattr(progress_module, "SAY_S", 0.01)
    trt.while_building = lambda: heard.wait(60)
    with pytest.raises(Stop):
        open_one(network, store, heard=progress)
    open_one(network, store).close()
    assert trt.builds == 1, "what was made until the library could stop is not made again"


def test_a_timing_cache_that_cannot_be_written_costs_no_plan(
    trt: StandInTrt, network: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.suffix == ".tmp" and path.parent == store:
            raise OSError(28, "No space left on device")
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    open_one(network, store).close()
    assert len(EngineStore(store).plans()) == 1


def test_an_option_that_nobody_knows_is_refused(trt: StandInTrt, network: Path, store: Path) -> None:
    with pytest.raises(EngineError, match="TensorRT has no option worksapce"):
        open_one(network, store, worksapce=1)


def test_what_a_form_offers_are_options_with_their_defaults() -> None:
    assert {one.name: one.default for one in TENSORRT}.items() <= DEFAULTS.items()


def test_a_head_that_only_the_cpu_decodes_is_refused_before_anything_is_built(
    trt: StandInTrt, network: Path, store: Path
) -> None:
    model = read_model(network)
    endless = replace(model, head=replace(model.head, form=Form.BATCH_ROWS))
    with pytest.raises(ModelError, match="use the runtime onnxruntime"):
        TensorRt().open(
            endless, "fp16", {"store": str(store)}, lambda share, text: None, min_confidence=0.25, overlap=OVERLAP
        )
    assert trt.builds == 0


@pytest.mark.parametrize("readable", [True, False])
def test_a_timing_cache_that_the_library_cannot_read_is_begun_anew(
    trt: StandInTrt, network: Path, store: Path, readable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    open_one(network, store).close()
    trt.cannot_read_cache = not readable
    # By its name: a command line that ran in this process before has set how much these loggers say.
    with caplog.at_level(logging.INFO, "aoi_app.inference"):
        open_one(network, store, optimisation_level=1).close()
    assert trt.caches == [b"", b"tactics"] + ([] if readable else [b""])
    # A build that goes well has no errors in the log; why it takes as long as the first one is said.
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []
    assert caplog.text.count("a new one is begun: The timing cache will not be used") == (not readable)
    assert trt.logger.last_error == ""
    trt.logger.log(Severity.ERROR, "no memory")
    assert caplog.records[-1].levelno == logging.ERROR, "only the try was quiet"
