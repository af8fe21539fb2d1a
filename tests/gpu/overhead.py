"""What a frame costs beside its network, as JSON; needs neither TensorRT nor an engine, so a change is tried quickly.

    python -m tests.gpu.overhead OUT --images PLANT_IMAGES

The station's own way (copy, cut, decode, suppress, wait, read) goes around a network that only takes time: a kernel
that waits, then the raw values that ONNX Runtime gives for the same window, so that decoding has real candidates.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.inspection import EngineInfo
from aoi_app.core.scan import Pixels
from aoi_app.inference.catalog import find_model
from aoi_app.inference.frozen import FrozenBoard, detect, frozen_boards
from aoi_app.inference.heads import Decoder
from aoi_app.inference.model import Model, read_model
from aoi_app.inference.preprocess import TileCutter
from aoi_app.inference.runtimes.tensorrt.activation import LANES, Activation
from aoi_app.inference.runtimes.tensorrt.bench import device_ms, floor_of
from aoi_app.inference.runtimes.tensorrt.detector import TensorRtDetector
from aoi_app.inference.runtimes.tensorrt.engine import Engine, Port
from aoi_app.inference.runtimes.tensorrt.gpu.driver import check, driver, enter
from aoi_app.inference.runtimes.tensorrt.gpu.kernels import Module, compile_text, launch
from aoi_app.inference.runtimes.tensorrt.gpu.memory import DeviceBuffer
from aoi_app.inference.runtimes.tensorrt.hardware import GpuFacts, query_gpu
from aoi_app.inference.runtimes.tensorrt.kernelset import KernelSet
from aoi_app.inference.runtimes.tensorrt.lane import STAGES, Lane
from aoi_app.inference.tiling import Tile
from tests.gpu.figures import frame_ms, on_each_core, pinned_copy

_WAIT = """
typedef unsigned long long u64;
static __device__ u64 now() { u64 t; asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(t)); return t; }
extern "C" __global__ void wait_for(u64 nanoseconds) { const u64 start = now(); while (now() - start < nanoseconds) {} }
"""
CONFIDENCE = 0.25
PARTS = {
    "call ms": ("call",),
    "call, cut ms": ("call", "preprocess"),
    "decode, select ms": ("postprocess",),
    "all but network ms": ("call", "preprocess", "postprocess"),
    "whole launch ms": STAGES,
}


class Replay:
    """In an engine's place: takes its time, then gives values that are known."""

    def __init__(self, model: Model, raw: NDArray[Any], gpu: GpuFacts, milliseconds: float) -> None:
        size, planes = model.size, 2
        self.source = Port("input", (-1, planes, *size), np.dtype(np.float16), True)
        self._output = Port(model.output_names[0], (-1, *raw.shape[1:]), raw.dtype, False)
        self.ports = (self.source, self._output)
        self.activation_bytes = 1
        self._nanoseconds = int(milliseconds * 1e6)
        self._raw = DeviceBuffer(raw.nbytes)
        self._raw.upload(raw)
        self._module = Module(compile_text(_WAIT, "wait.cu", gpu.compute_capability)) if milliseconds else None
        self._wait = self._module.kernel("wait_for") if self._module else None
        self._to: dict[int, int] = {}
        self._contexts = 0

    def port(self, name: str) -> Port:
        return self._output

    def context(self, batch: int, addresses: Mapping[str, int], memory: int, stream: int) -> int:
        self._contexts += 1
        self._to[self._contexts] = addresses[self._output.name]
        return self._contexts

    def enqueue(self, context: int, stream: int) -> None:
        if self._wait is not None:
            launch(self._wait, (1, 1, 1), 1, (self._nanoseconds,), cast(Any, SimpleNamespace(handle=stream)))
        to, raw = self._to[context], self._raw
        check(driver().cuMemcpyDtoDAsync(to, raw.address, raw.nbytes, stream), "copy known values")

    def close(self) -> None:
        self._raw.free()
        if self._module is not None:
            self._module.close()


def raw_values(model: Model, board: FrozenBoard) -> NDArray[np.float16]:
    """Return what ONNX Runtime gives for a window, (1, values, anchors)."""
    import onnxruntime as ort

    tile = TileCutter(model, 1).cut(board.pixels, len(board.pixels), [Tile(0, 0)], board.golden)
    session = ort.InferenceSession(str(model.path), providers=["CPUExecutionProvider"])
    (raw,) = session.run(list(model.output_names), {model.input_name: tile.astype(model.dtype)})
    return np.ascontiguousarray(raw, np.float16)


def detector_around(model: Model, engine: Replay, gpu: GpuFacts) -> TensorRtDetector:
    kernels = KernelSet(model, engine.source, {n: engine.port(n) for n in model.output_names}, gpu.compute_capability)
    lanes = tuple(Lane(cast(Engine, engine), kernels, [1]) for _ in range(LANES))

    def close() -> None:
        for lane in lanes:
            lane.close()
        kernels.close()
        engine.close()

    activation = SimpleNamespace(device=gpu.index, lanes=lanes, batch=1, engine=engine, kernels=kernels, close=close)
    info = EngineInfo("replay", "fp16", model.path.name, model.sha256, gpu.name, model.class_names)
    return TensorRtDetector(
        model, cast(Activation, activation), info, min_confidence=CONFIDENCE, overlap=128, golden_bytes=1 << 28
    )


def frames(
    detector: TensorRtDetector, raw: NDArray[np.float16], pixels: Pixels, golden: Pixels | None, count: int
) -> dict[str, Any]:
    """Return percentiles from lines in host memory to merged boxes, which must be those of the raw values."""
    (wanted,) = Decoder(detector.model.head, detector.model.size, CONFIDENCE).decode([raw], 1)
    found = detect(detector, pixels, golden)
    if len(found) != len(wanted) or not np.allclose(found.boxes, wanted.boxes, atol=0.01):
        raise SystemExit(f"{len(found)} boxes, {len(wanted)} were expected, or they lie elsewhere.")
    p50, p95, p99 = np.percentile(frame_ms(detector, pixels, golden, count), (50, 95, 99)).tolist()
    cores = on_each_core(lambda: float(np.median(frame_ms(detector, pixels, golden, max(1, count // 8)))))
    lane = max(detector.activation.lanes, key=lambda lane: int(lane.call["tiles"][0]))
    bare = floor_of(lane, 1)[0]
    parts = {name: device_ms(lane, 1, stages) for name, stages in PARTS.items()}
    candidates = int(lane.results["candidates"][0])
    told = {
        "candidates": candidates,
        "boxes": len(wanted),
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "bare_ms": bare,
        "ratio": p50 / bare,
        **parts,
    }
    rounded: dict[str, Any] = {name: round(value, 4) for name, value in told.items()}
    return rounded | {"ratio by core": [round(ms / bare, 3) for ms in cores]}


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--model", default="")
    parser.add_argument("--network-ms", type=float, default=0.26)
    parser.add_argument("--frames", type=int, default=2_000)
    options = parser.parse_args(given)
    gpu = query_gpu()
    enter()
    model = read_model(find_model(options.model))
    board = max(frozen_boards([options.images], 20), key=lambda b: len(b.truth.boxes) if b.truth else 0)
    empty = np.full_like(board.pixels, 255)
    told: dict[str, Any] = {"gpu": dataclasses.asdict(gpu)}
    raw = raw_values(model, board)
    for name, values, pixels, golden in (
        ("golden board and defects", raw, board.pixels, board.golden),
        ("nothing found", np.full_like(raw, -20), empty, None),
    ):
        detector = detector_around(model, Replay(model, values, gpu, options.network_ms), gpu)
        try:
            told[name] = frames(detector, values, cast(Any, pinned_copy(pixels)), golden, options.frames)
        finally:
            detector.close()
        print(name, json.dumps(told[name]), flush=True)
        options.out.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
