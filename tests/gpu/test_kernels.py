"""The kernels on the GPU against the shared preprocessing and heads, FP16 included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from aoi_app.inference.card import Channels
from aoi_app.inference.heads import Decoder
from aoi_app.inference.layout import Form
from aoi_app.inference.preprocess import TileCutter
from aoi_app.inference.runtimes.tensorrt.engine import Port
from aoi_app.inference.runtimes.tensorrt.gpu.driver import enter
from aoi_app.inference.runtimes.tensorrt.gpu.memory import DeviceBuffer, pinned_allocator
from aoi_app.inference.runtimes.tensorrt.gpu.stream import Stream
from aoi_app.inference.runtimes.tensorrt.hardware import GpuFacts
from aoi_app.inference.runtimes.tensorrt.kernelset import KernelSet, suppression
from aoi_app.inference.runtimes.tensorrt.layout import BATCH, RESULT
from aoi_app.inference.tiling import Tile
from tests.inference.tensorrt.test_kernels import BOARD, FORMS, SIZE, a_model, assert_same, raw_outputs


def on_device(data: NDArray[Any]) -> DeviceBuffer:
    buffer = DeviceBuffer(data.nbytes)
    buffer.upload(np.ascontiguousarray(data))
    return buffer


def kernels_for(
    model: Any, outputs: dict[str, NDArray[Any]], gpu: GpuFacts, dtype: Any, least: float = 1.0
) -> KernelSet:
    ports = {n: Port(n, (-1, *v.shape[1:]), v.dtype, False) for n, v in outputs.items()}
    source = Port("images", (-1, 1, *SIZE), np.dtype(dtype), True)
    return KernelSet(model, source, ports, gpu.compute_capability, least)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("rgb", [False, True])
@pytest.mark.parametrize("channels", list(Channels))
def test_tiles_are_cut_as_on_the_cpu(gpu: GpuFacts, channels: Channels, rgb: bool, dtype: Any) -> None:
    enter()
    random = np.random.default_rng(2)
    model = a_model(channels=channels, dtype=dtype)
    shape = (150, 203, 3) if rgb else (150, 203)
    board, golden = (random.integers(0, 256, shape, np.uint8) for _ in range(2))
    tiles = [Tile(0, 0), Tile(107, 86), Tile(130, 120)]
    want = TileCutter(model, len(tiles)).cut(board, 150, tiles, golden)
    kernels = kernels_for(model, raw_outputs(model, 1, 0, False), gpu, dtype)
    boards, goldens = on_device(board), on_device(golden)
    call = pinned_allocator(BATCH.itemsize).view(BATCH)
    call[0] = np.zeros((), BATCH)
    call[0]["board"], call[0]["golden"], call[0]["width"] = boards.address, goldens.address, 203
    call[0]["samples"] = call[0]["golden_samples"] = 3 if rgb else 1
    call[0]["golden_ring"] = call[0]["golden_lines"] = call[0]["ring"] = call[0]["lines"] = 150
    call[0]["tiles"], call[0]["corners"][:3] = 3, [(t.x, t.y) for t in tiles]
    calls, counters, out = on_device(call), DeviceBuffer(64), DeviceBuffer(want.nbytes)
    out.fill(0xFF)
    stream = Stream()
    kernels.preprocess(stream, 3, calls.address, out.address, counters.address)
    stream.synchronize()
    np.testing.assert_array_equal(out.download(want.shape, want.dtype), want)
    for part in (boards, goldens, calls, counters, out):
        part.free()
    stream.close()
    kernels.close()


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize(("crowded", "threshold"), [(False, 0.25), (False, 0.01), (True, 0.07)])
@pytest.mark.parametrize(("form", "channels_first"), FORMS)
def test_detections_are_those_of_the_shared_heads(
    gpu: GpuFacts, form: Form, channels_first: bool, crowded: bool, threshold: float, half: bool, classes: int
) -> None:
    enter()
    model = a_model(form, channels_first=channels_first, classes=classes)
    outputs = raw_outputs(model, 2, 7, crowded)
    if half:
        outputs = {n: v.astype(np.float16) if v.dtype == np.float32 else v for n, v in outputs.items()}
        outputs = {n: np.clip(v, -30, 30) if form is Form.GRID else v for n, v in outputs.items()}
    want = Decoder(model.head, SIZE, threshold).decode([outputs[n] for n in model.output_names], 2)
    kernels = kernels_for(model, outputs, gpu, np.float32, threshold)
    anchors = kernels.anchors
    call = pinned_allocator(BATCH.itemsize).view(BATCH)
    call[0] = np.zeros((), BATCH)
    call[0]["tiles"], call[0]["threshold"], call[0]["iou"] = 2, threshold, suppression(form, 0.5)
    call[0]["width"], call[0]["lines"] = BOARD
    results = pinned_allocator(2 * RESULT.itemsize).view(RESULT)
    buffers = {n: on_device(v) for n, v in outputs.items()}
    calls = on_device(call)
    sizes = (16 * kernels.capacity, 32 * anchors, 8 * anchors, 16)
    scratch = [DeviceBuffer(n) for n in sizes]
    scratch[3].fill(0)
    where = (scratch[0].address, scratch[1].address, scratch[2].address, scratch[3].address)
    stream = Stream()
    kernels.decode(stream, 2, calls.address, {n: b.address for n, b in buffers.items()}, where)
    kernels.select(stream, 2, calls.address, where, results.ctypes.data)
    stream.synchronize()
    for result, expected in zip(results, want, strict=True):
        assert_same(result, expected)
    for part in (*buffers.values(), calls, *scratch):
        part.free()
    stream.close()
    kernels.close()
