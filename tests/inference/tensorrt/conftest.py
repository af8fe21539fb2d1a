"""A stand-in GPU with a stand-in TensorRT for what needs neither to be real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aoi_app.inference import device_calls
from aoi_app.inference.card import Channels, InputSpec, ModelCard, card_path
from aoi_app.inference.runtimes.tensorrt import hardware, kernelset, library, loader
from aoi_app.inference.runtimes.tensorrt.gpu import driver, memory, stream
from aoi_app.inference.runtimes.tensorrt.gpu import kernels as gpu_kernels
from aoi_app.inference.yardstick import write_yardstick
from tests.inference.tensorrt.cpu_kernels import COMPILER
from tests.inference.tensorrt.standin_cuda import StandInCuda, standin_code
from tests.inference.tensorrt.standin_trt import StandInTrt

SIZE = 64


@pytest.fixture(params=["8.6.0", "10.9.0"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInCuda]:
    if COMPILER is None:
        pytest.skip("no C++ compiler to run the kernels on the CPU")
    standin = StandInCuda()
    for module in (driver, memory, stream, gpu_kernels, hardware):
        monkeypatch.setattr(module, "driver", lambda: standin)
    driver._primary_context.cache_clear()
    monkeypatch.setattr(device_calls, "_silent", set())
    monkeypatch.setattr(kernelset, "compile_kernels", standin_code)
    yield standin
    standin.answer()
    driver._primary_context.cache_clear()


@pytest.fixture
def trt(cuda: StandInCuda, version: str, monkeypatch: pytest.MonkeyPatch) -> StandInTrt:
    module = StandInTrt(cuda, version)
    opened = library.Library("tensorrt", module)
    monkeypatch.setattr(loader, "open_library", lambda name: opened)
    return module


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small grey network that finds a few boxes."""
    return write_yardstick(tmp_path_factory.mktemp("net") / "net.onnx", "tiny", size=SIZE, classes=3, planes=1)


@pytest.fixture(scope="session")
def pair_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that looks at the golden board, too."""
    path = write_yardstick(tmp_path_factory.mktemp("net") / "pair.onnx", "tiny", size=SIZE, classes=3, planes=2)
    card = ModelCard(
        classes=("a", "b", "c"), input=InputSpec(channels=Channels.GREY_GOLDEN, scale=1 / 255, pad=114), sha256=""
    )
    card_path(path).write_text(card.model_dump_json(), encoding="utf-8")
    return path


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AOI_CACHE", str(tmp_path / "cache"))
    return tmp_path / "built"
