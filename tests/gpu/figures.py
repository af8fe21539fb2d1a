"""The figures of the TensorRT path on this machine, as JSON: python -m tests.gpu.figures OUT --store FOLDER."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.protocols import Detector
from aoi_app.core.scan import Pixels
from aoi_app.inference.frozen import detect, frozen_boards, scan_of
from aoi_app.inference.gate import GateLimits, lost_boxes
from aoi_app.inference.metrics import evaluate
from aoi_app.inference.model import Model, read_model
from aoi_app.inference.runtimes.table import open_detector
from aoi_app.inference.runtimes.tensorrt.bench import (
    bench_stream,
    bench_tensorrt,
    bus_rate,
    device_ms,
    floor_of,
    open_for_bench,
    pinned_board,
    vram_used,
)
from aoi_app.inference.runtimes.tensorrt.gpu.driver import enter
from aoi_app.inference.runtimes.tensorrt.gpu.memory import pinned_allocator
from aoi_app.inference.runtimes.tensorrt.hardware import query_gpu
from aoi_app.inference.runtimes.tensorrt.lane import STAGES
from aoi_app.inference.yardstick import write_yardstick
from aoi_app.station.telemetry_nvml import open_monitor

FAILED = "failed: "
WARM_UP = 50
STAGES_TIMED = {
    "cut ms": ("call", "preprocess"),
    "cut and infer ms": ("call", "preprocess", "inference"),
    "whole launch ms": STAGES,
}
SWAP_SECONDS = 240.0
"""Engine swaps stop here, however many were asked for; the figure says how many there were."""


def quiet(share: float, text: str) -> None:
    """Say nothing."""


class Figures:
    """Collects what was measured and writes it after every step: a figure that fails must not take the others along.

    What the file holds already is not measured again; what failed is.
    """

    def __init__(self, out: Path, only: Sequence[str] = ("",)) -> None:
        self.out, self.only = out, tuple(only)
        self.values: dict[str, Any] = json.loads(out.read_text()) if out.is_file() else {}

    def take(self, name: str, measure: Callable[[], Any]) -> None:
        if not name.startswith(self.only) or not str(self.values.get(name, FAILED)).startswith(FAILED):
            return
        started = time.perf_counter()
        try:
            value = measure()
        except Exception as error:
            value = f"{FAILED}{type(error).__name__}: {error}"
        self.values[name] = value
        print(f"{name} ({time.perf_counter() - started:.0f} s): {json.dumps(value)}", flush=True)
        draft = self.out.with_suffix(".tmp")
        draft.write_text(json.dumps(self.values, indent=1))
        draft.replace(self.out)


def table(model: Model, precision: str, options: dict[str, Any], batch: int, frames: int) -> list[dict[str, Any]]:
    rows = bench_tensorrt(model, (precision,), batches=(batch,), frames=frames, tiles=2 * frames, options=options)
    return [
        {k: round(v, 4) if isinstance(v, float) else v for k, v in dataclasses.asdict(row).items()}
        | {"ratio": round(row.ratio, 3), "throughput_ratio": round(row.throughput_ratio, 3)}
        for row in rows
    ]


def real_window(
    model: Model, precision: str, options: dict[str, Any], images: Path, kept: int, frames: int
) -> dict[str, Any]:
    """One window with its golden board and its defects, batch 1: pixels in host memory to merged boxes.

    `kept`: MiB of golden boards that stay on the device; 0 sends it with every board.
    """
    chosen = {**options, "batch": 1, "golden_mib": kept}
    detector = open_for_bench(model, precision, "tensorrt", chosen, quiet)
    try:
        board = max(frozen_boards([images], 20), key=lambda b: len(b.truth.boxes) if b.truth else 0)
        pixels = pinned_copy(board.pixels)
        golden = board.golden if kept else pinned_copy(board.golden)
        found = detect(detector, pixels, golden)
        p50, p95, p99 = np.percentile(frame_ms(detector, pixels, golden, frames), (50, 95, 99)).tolist()
        cores = on_each_core(lambda: float(np.median(frame_ms(detector, pixels, golden, max(1, frames // 4)))))
        lane = max(detector.activation.lanes, key=lambda lane: int(lane.call["tiles"][0]))  # the one that was used
        bare = floor_of(lane, 1)[0]
        # The last launch's pixels and candidates still lie there: the stages are timed on them.
        stages = {name: device_ms(lane, 1, part) for name, part in STAGES_TIMED.items()}
        return {"boxes": len(found), "p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "bare_ms": bare,
                "ratio": p50 / bare, "ratio by core": [ms / bare for ms in cores], **stages}  # fmt: skip
    finally:
        detector.close()


def frame_ms(detector: Detector, pixels: Pixels, golden: Pixels | None, frames: int) -> NDArray[np.float64]:
    """Return milliseconds from lines in host memory to merged boxes, (frames,)."""
    scan, times = scan_of(pixels), []
    for _ in range(WARM_UP + frames):
        started = time.perf_counter()
        detector.begin(scan, golden)
        detector.finish(len(pixels))
        times.append(time.perf_counter() - started)
    return np.array(times[WARM_UP:]) * 1e3


def on_each_core(measure: Callable[[], float]) -> list[float]:
    """Return what is measured on one core after the other, rising: on a shared machine others slow some of them."""
    if not hasattr(os, "sched_setaffinity"):
        return [measure()]
    mine, values = os.sched_getaffinity(0), []
    try:
        for core in mine:
            os.sched_setaffinity(0, {core})
            values.append(measure())
    finally:
        os.sched_setaffinity(0, mine)
    return sorted(values)


def pinned_copy(pixels: Any) -> Any:
    if pixels is None:
        return None
    copy = pinned_allocator(pixels.size).reshape(pixels.shape)
    copy[...] = pixels
    return copy


def accuracy(model: Model, precisions: tuple[str, ...], options: dict[str, Any], images: Path) -> dict[str, Any]:
    """Lost boxes by the gate's rule and mAP50 on labelled windows, against ONNX Runtime in FP32 on the CPU."""
    labelled = [(b, b.truth) for b in frozen_boards([images]) if b.truth is not None]
    boards, truths = [b for b, _ in labelled], [t for _, t in labelled]
    reference = open_detector(model.path, min_confidence=0.25, overlap=128)
    wanted = [detect(reference, b.pixels, b.golden) for b in boards]
    reference.close()
    classes = len(model.class_names)
    rows: dict[str, Any] = {"windows": len(boards), "ort fp32 mAP50": 100 * evaluate(wanted, truths, classes, 0.5).mean}
    for precision in precisions:
        detector = open_for_bench(model, precision, "tensorrt", {**options, "batch": 1}, quiet, overlap=128)
        found = [detect(detector, b.pixels, b.golden) for b in boards]
        runs = detector.info.precision
        detector.close()
        told = [lost_boxes(w, f, GateLimits()) for w, f in zip(wanted, found, strict=True)]
        rows[precision] = {
            "runs": runs,
            "mAP50": 100 * evaluate(found, truths, classes, 0.5).mean,
            "expected": sum(t[0] for t in told),
            "lost": sum(t[1] for t in told),
            "shift_px": max(t[2] for t in told),
        }
    return rows


def stream(model: Model, precision: str, options: dict[str, Any], line_rate: float) -> dict[str, Any]:
    detector = open_for_bench(model, precision, "tensorrt", options, quiet, overlap=128)
    try:
        figures = bench_stream(detector, 16_384, 16_384, line_rate=line_rate)
        return {**dataclasses.asdict(figures), "batch": detector.activation.batch}
    finally:
        detector.close()


def nvml_used() -> float:
    monitor = open_monitor()
    try:
        return monitor.sample().used_mib
    finally:
        monitor.close()


def drift(model: Model, precision: str, options: dict[str, Any], boards: int) -> dict[str, float]:
    detector = open_for_bench(model, precision, "tensorrt", options, quiet)
    try:
        board = pinned_board(1280, 1280)
        for _ in range(100):
            detect(detector, board)
        before, started = nvml_used(), time.perf_counter()
        for _ in range(boards):
            detect(detector, board)
        return {
            "boards": boards,
            "nvml_mib_before": before,
            "drift_bytes": (nvml_used() - before) * 1024 * 1024,
            "seconds": time.perf_counter() - started,
        }
    finally:
        detector.close()


def swaps(model: Model, options: dict[str, Any], count: int) -> dict[str, float]:
    board = pinned_board(640, 1280)

    def swap(number: int) -> None:
        precision = ("fp16", "fp32")[number % 2]
        detector = open_for_bench(model, precision, "tensorrt", {**options, "batch": 4}, quiet)
        try:
            detect(detector, board)
        finally:
            detector.close()

    for number in range(4):
        swap(number)
    before, started, done = nvml_used(), time.perf_counter(), 0
    while done < count and time.perf_counter() - started < SWAP_SECONDS:
        swap(done)
        done += 1
    return {"swaps": done, "growth_mib": nvml_used() - before, "seconds": time.perf_counter() - started}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--models", type=Path, default=Path(), help="folder for the yardstick networks")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--network", type=Path, help="a model of your own beside the yardsticks")
    parser.add_argument("--images", type=Path, help="folder of labelled windows")
    parser.add_argument("--only", nargs="+", default=[""], help="measure only what begins with one of these")
    parser.add_argument("--precisions", nargs="+", default=["fp16", "fp32"])
    parser.add_argument("--frames", type=int, default=1_000, help="launches that are timed")
    parser.add_argument("--boards", type=int, default=10_000)
    parser.add_argument("--swaps", type=int, default=200)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 16])
    parser.add_argument("--max-batch", type=int, default=16, help="most tiles that the plans take")
    parser.add_argument("--level", type=int, default=3, help="builder optimisation level of the plans")
    given = parser.parse_args()
    options = {
        "store": str(given.store),
        "build": False,
        "optimisation_level": given.level,
        "max_batch": given.max_batch,
    }
    gpu = query_gpu()
    enter()
    figures = Figures(given.out, given.only)
    figures.take("gpu", lambda: dataclasses.asdict(gpu) | {"vram_used_mib": vram_used()})
    figures.take("bus_gb_s", lambda: bus_rate() / 1e9)
    models = {n: read_model(write_yardstick(given.models / f"{n}.onnx", n)) for n in ("yolov8n", "yolov8s")}
    if given.network:
        models = {"own": read_model(given.network), **models}
    for precision in given.precisions:
        for name, model in models.items():
            for batch in given.batches:
                rows = functools.partial(table, model, precision, options, batch, given.frames)
                figures.take(f"{name} {precision} {batch}", rows)
    main_model = models.get("own", models["yolov8s"])
    if given.images:
        for precision in given.precisions:
            for how, kept in (("", 256), (", golden board sent each time", 0)):
                window = functools.partial(
                    real_window, main_model, precision, options, given.images, kept, given.frames
                )
                figures.take(f"real window {precision}{how}", window)
        figures.take("accuracy", lambda: accuracy(main_model, tuple(given.precisions), options, given.images))
    figures.take("16k at 10 kHz", lambda: stream(main_model, "fp16", options, 10_000))
    figures.take("16k at 30 kHz", lambda: stream(main_model, "fp16", options, 30_000))
    figures.take("16k as fast as can be", lambda: stream(main_model, "fp16", options, 0))
    figures.take("drift", lambda: drift(main_model, "fp16", options, given.boards))
    figures.take("swaps", lambda: swaps(main_model, options, given.swaps))


if __name__ == "__main__":
    main()
