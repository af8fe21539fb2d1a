"""The default model really built, in every precision, by the builder of TensorRT for RTX: it needs no GPU."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import onnx
import pytest

from aoi_app.core.errors import ModelError
from aoi_app.inference.catalog import default_model
from aoi_app.inference.model import Model, read_model
from aoi_app.inference.runtimes.tensorrt.builder import BuildRequest, Profile, build_plan, network_bytes
from aoi_app.inference.runtimes.tensorrt.library import Library, open_library
from aoi_app.inference.runtimes.tensorrt.loader import DEFAULTS, prepare
from aoi_app.inference.runtimes.tensorrt.progress import BuildWatch

cv2 = pytest.importorskip("cv2")
pytest.importorskip("tensorrt_rtx", reason="TensorRT for RTX is not installed")


@pytest.fixture(scope="module")
def library() -> Library:
    return open_library("tensorrt_rtx")


@pytest.fixture(scope="module")
def model() -> Model:
    return read_model(default_model())


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory, model: Model) -> Path:
    folder = tmp_path_factory.mktemp("plant")
    height, width = model.size
    pixels = np.random.default_rng(0).integers(0, 256, (4 * height, 4 * width), np.uint8)
    cv2.imwrite(str(folder / "board.png"), cv2.GaussianBlur(pixels, (9, 9), 0))
    return folder


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_the_default_model_builds(library: Library, model: Model, images: Path, store: Path, precision: str) -> None:
    shares: list[float] = []
    options = {**DEFAULTS, "store": str(store), "calibration": str(images), "max_batch": 8}
    prepared = prepare(library, None, model, precision, options, lambda share, text: shares.append(share))
    assert prepared.key.precision == precision
    assert prepared.manifest.plan_bytes == len(prepared.plan) > 100_000
    assert prepared.manifest.version == library.version
    assert shares[-1] == 1.0
    again = prepare(library, None, model, precision, {**options, "build": False}, lambda share, text: None)
    assert again.plan == prepared.plan, "the second time it comes from the store"


def test_the_fp16_network_takes_fp16_pixels(library: Library, model: Model, store: Path) -> None:
    options = {**DEFAULTS, "store": str(store)}
    prepared = prepare(library, None, model, "fp16", options, lambda share, text: None)
    graph = onnx.load_model_from_string(network_bytes(prepared.model.path)).graph
    assert graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT16
    plain = onnx.load_model_from_string(network_bytes(model.path)).graph
    assert plain.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT


class Stop(Exception):
    pass


def request_for(model: Model) -> BuildRequest:
    return BuildRequest(model.path, model.input_name, model.input_shape(4), Profile(1, 2, 4), dynamic=True)


@pytest.mark.parametrize("steps", [0, 1, 5, 20])
def test_a_build_can_be_stopped_at_any_step(library: Library, model: Model, steps: int) -> None:
    heard = 0

    def progress(share: float, text: str) -> None:
        nonlocal heard
        heard += 1
        if heard > steps:
            raise Stop

    with pytest.raises(Stop):
        build_plan(library, request_for(model), BuildWatch(progress))


@pytest.mark.parametrize("steps", [2, 4, 12])
def test_a_build_that_is_stopped_leaves_nothing(library: Library, model: Model, store: Path, steps: int) -> None:
    heard = 0

    def progress(share: float, text: str) -> None:
        nonlocal heard
        heard += 1
        if heard > steps:
            raise Stop

    with pytest.raises(Stop):
        prepare(library, None, model, "fp32", {**DEFAULTS, "store": str(store)}, progress)
    assert {path.name for path in store.iterdir()} <= {"builder.lock"}
    prepare(library, None, model, "fp32", {**DEFAULTS, "store": str(store)}, lambda share, text: None)


def test_the_share_done_never_falls(library: Library, model: Model) -> None:
    shares: list[float] = []
    build_plan(library, request_for(model), BuildWatch(lambda share, text: shares.append(share)))
    assert shares == sorted(shares)
    assert len(shares) > 20


def test_graphs_record_the_kernels_of_their_shape(library: Library) -> None:
    """RTX compiles kernels on the GPU, which is not there: the names are the library's, what is asked of it is seen."""
    config = Mock(spec=library.module.IRuntimeConfig)
    engine = Mock(spec=library.module.ICudaEngine)
    engine.create_runtime_config.return_value = config
    assert library.context(engine) is engine.create_execution_context.return_value
    engine.create_execution_context.assert_called_once_with(config)
    strategies = library.module.DynamicShapesKernelSpecializationStrategy
    assert config.dynamic_shapes_kernel_specialization_strategy == strategies.EAGER
    config.set_execution_context_allocation_strategy.assert_called_once_with(
        library.module.ExecutionContextAllocationStrategy.USER_MANAGED
    )


def test_a_network_that_the_parser_refuses_is_named(library: Library, tmp_path: Path) -> None:
    node = onnx.helper.make_node("NonZero", ["images"], ["out"])
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node, onnx.helper.make_node("StringNormalizer", ["text"], ["other"])],
        "odd",
        [value("images", 1, [1, 1, 64, 64]), value("text", onnx.TensorProto.STRING, [1])],
        [value("out", 7, [4, None]), value("other", onnx.TensorProto.STRING, [1])],
    )
    path = tmp_path / "odd.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), str(path))
    request = BuildRequest(path, "images", (1, 1, 64, 64), Profile(1, 1, 1), dynamic=False)
    with pytest.raises(ModelError, match=r"cannot read odd\.onnx"):
        build_plan(library, request, BuildWatch(lambda share, text: None))
