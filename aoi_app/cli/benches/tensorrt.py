"""TensorRT on this GPU: precision by batch, beside the floor that the bare engine sets."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from aoi_app.cli.benches.options import Figures, Options
from aoi_app.core.errors import AoiError
from aoi_app.core.protocols import Detector

if TYPE_CHECKING:
    from aoi_app.inference.runtimes.tensorrt.bench import BatchFigures

MAX_BOARDS = 100
"""Labelled images on which the mean average precision is measured."""


def run(options: Options) -> Figures:
    """Measure; engines that are missing are built first, which takes minutes.

    Each row is said and noted as soon as it is measured; what one precision cannot do takes no other along.
    """
    from aoi_app.inference.catalog import find_model
    from aoi_app.inference.model import read_model
    from aoi_app.inference.runtimes.tensorrt.bench import bench_tensorrt

    model = read_model(find_model(options.model))
    found: list[BatchFigures] = []
    problems: dict[str, AoiError] = {}
    score = _score(options)
    with Progress(console=options.people, transient=True) as progress:
        task = progress.add_task("TensorRT", total=1.0)
        # INT8 needs the plant's images to be calibrated on.
        for precision in ("fp32", "fp16", "int8") if options.images else ("fp32", "fp16"):
            try:
                for row in bench_tensorrt(
                    model,
                    (precision,),
                    runtime="tensorrt" if options.runtime == "onnxruntime" else options.runtime,
                    options={"calibration": str(options.images or "")},
                    score=score,
                    progress=lambda share, text: progress.update(task, completed=share, description=text),
                ):
                    found.append(row)
                    progress.console.print(_said(row))
                    options.note(_figures(found, problems))
            except AoiError as error:
                problems[precision] = error
                options.note(_figures(found, problems))
    if not found:
        raise next(iter(problems.values()))
    _table(options.people, found)
    for precision, problem in problems.items():
        options.people.print(f"Left out, {precision}: {problem}", style="red")
    return _figures(found, problems)


def _figures(found: Sequence[BatchFigures], problems: Mapping[str, AoiError]) -> Figures:
    rows = [
        dataclasses.asdict(f) | {"ratio": f.ratio, "throughput_ratio": f.throughput_ratio, "transfer": f.transfer_share}
        for f in found
    ]
    return {"tensorrt": rows, "left out": {precision: str(problem) for precision, problem in problems.items()}}


def _said(f: BatchFigures) -> str:
    return (
        f"{f.precision}, batch {f.batch}: p50 {f.p50_ms:.3f} ms, p99 {f.p99_ms:.3f} ms, {f.ratio:.2f} times the bare "
        f"engine; {f.tiles_per_second:.0f} tiles/s, {100 * f.throughput_ratio:.0f} % of it"
    )


def _table(people: Console, found: Sequence[BatchFigures]) -> None:
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
    people.print(table)


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
