"""TensorRT on this GPU: precision by batch, beside the floor that the bare engine sets."""

from __future__ import annotations

import dataclasses

from rich.progress import Progress
from rich.table import Table

from aoi_app.cli.benches.options import Figures, Options


def run(options: Options) -> Figures:
    """Measure; engines that are missing are built first, which takes minutes."""
    from aoi_app.inference.catalog import find_model
    from aoi_app.inference.model import read_model
    from aoi_app.inference.runtimes.tensorrt.bench import bench_tensorrt

    with Progress(console=options.people, transient=True) as progress:
        task = progress.add_task("TensorRT", total=1.0)
        found = bench_tensorrt(
            read_model(find_model(options.model)),
            runtime="tensorrt" if options.runtime == "onnxruntime" else options.runtime,
            progress=lambda share, text: progress.update(task, completed=share, description=text),
        )
    table = Table(
        "precision", "batch", "p50 ms", "p95", "p99", "floor ms", "ratio", "tiles/s", "of the floor", "transfer", "MiB",
        "held up by", title="Host memory to boxes in host memory", title_justify="left",
    )  # fmt: skip
    for f in found:
        table.add_row(
            f.layers or f.precision,
            str(f.batch),
            *(f"{ms:.3f}" for ms in (f.p50_ms, f.p95_ms, f.p99_ms, f.floor_ms)),
            f"{f.ratio:.2f}",
            f"{f.tiles_per_second:.0f}",
            f"{100 * f.throughput_ratio:.0f} %",
            f"{100 * f.transfer_share:.0f} %",
            f"{f.vram_mib:.0f}",
            f.bottleneck or "nothing",
        )
    options.people.print(table)
    return {"tensorrt": [dataclasses.asdict(f) for f in found]}
