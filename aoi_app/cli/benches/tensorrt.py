"""TensorRT on this GPU: precision by batch, beside the floor that the bare engine sets."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from rich.progress import Progress
from rich.table import Table

from aoi_app.cli.benches.options import Figures, Options
from aoi_app.core.errors import EngineError
from aoi_app.core.protocols import Detector

MAX_BOARDS = 100
"""Labelled images on which the mean average precision is measured."""


def run(options: Options) -> Figures:
    """Measure; engines that are missing are built first, which takes minutes."""
    from aoi_app.inference.catalog import find_model
    from aoi_app.inference.model import read_model
    from aoi_app.inference.runtimes.tensorrt.bench import BatchFigures, bench_tensorrt

    found: list[BatchFigures] = []
    problems: list[EngineError] = []
    with Progress(console=options.people, transient=True) as progress:
        task = progress.add_task("TensorRT", total=1.0)
        # INT8 needs the plant's images to be calibrated on.
        for precision in ("fp32", "fp16", "int8") if options.images else ("fp32", "fp16"):
            try:
                found += bench_tensorrt(
                    read_model(find_model(options.model)),
                    (precision,),
                    runtime="tensorrt" if options.runtime == "onnxruntime" else options.runtime,
                    options={"images": str(options.images or "")},
                    score=_score(options),
                    progress=lambda share, text: progress.update(task, completed=share, description=text),
                )
            except EngineError as error:  # what is missing altogether goes through; one precision is only left out
                problems.append(error)
    if not found and problems:
        raise problems[0]
    table = Table(
        "precision", "batch", "p50 ms", "p95", "p99", "floor ms", "ratio", "copy ms", "of p50", "tiles/s",
        "of the floor", "MiB", "mAP50", "held up by", title="Host memory to boxes in host memory", title_justify="left",
    )  # fmt: skip
    for f in found:
        table.add_row(
            f.layers or f.precision,
            str(f.batch),
            *(f"{ms:.3f}" for ms in (f.p50_ms, f.p95_ms, f.p99_ms, f.floor_ms)),
            f"{f.ratio:.2f}",
            f"{f.transfer_ms:.3f}",
            f"{100 * f.transfer_share:.0f} %",
            f"{f.tiles_per_second:.0f}",
            f"{100 * f.throughput_ratio:.0f} %",
            f"{f.vram_mib:.0f}",
            "" if f.map50 is None else f"{f.map50:.2f}",
            f.bottleneck or "nothing",
        )
    options.people.print(table)
    for problem in problems:
        options.people.print(f"Left out: {problem}", style="red")
    return {"tensorrt": [dataclasses.asdict(f) for f in found]}


def _score(options: Options) -> Callable[[Detector], float] | None:
    """Return what gives a detector's mAP50, percent, on the labelled boards of the images folder; None without any."""
    from aoi_app.inference.frozen import detect, frozen_boards
    from aoi_app.inference.metrics import evaluate

    if options.images is None:
        return None
    boards = [(board, truth) for board in frozen_boards([options.images], MAX_BOARDS) if (truth := board.truth)]
    if not boards:
        return None

    def score(detector: Detector) -> float:
        found = [detect(detector, board.pixels, board.golden) for board, _ in boards]
        return 100 * evaluate(found, [truth for _, truth in boards], len(detector.info.class_names), 0.5).mean

    return score
