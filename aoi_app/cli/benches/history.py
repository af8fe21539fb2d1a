"""Searches in a record of a million defects."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from rich.progress import Progress

from aoi_app.cli.benches.options import Figures, Options, show


def run(options: Options) -> Figures:
    """Fill a record (a minute, 400 MB of temporary disk) and ask the questions of the history page."""
    from aoi_app.storage.bench import bench_history

    with tempfile.TemporaryDirectory() as folder, Progress(console=options.people, transient=True) as progress:
        task = progress.add_task("filling a record")
        timings = bench_history(
            Path(folder), progress=lambda done, total: progress.update(task, completed=done, total=total)
        )
    figures = {t.question: {k: v for k, v in dataclasses.asdict(t).items() if k != "question"} for t in timings}
    show(options.people, "History of 1,000,000 defects", figures)
    return figures
