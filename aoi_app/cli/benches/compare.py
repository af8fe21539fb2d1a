"""Every installed runtime, precision and batch on the same boards."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import Progress
from rich.table import Table

from aoi_app.cli.benches.options import Figures, Options
from aoi_app.core.errors import RecipeError, StoreError

if TYPE_CHECKING:
    from aoi_app.inference.frozen import FrozenBoard
    from aoi_app.inference.runtimes.base import Option

BATCHES = (1, 4)
BOARDS = 12
OVERLAP = 128
_DRAWN = "drawn"


def run(options: Options) -> Figures:
    """Compare in turns, so that a machine that drifts favours none."""
    from aoi_app.inference.catalog import find_model
    from aoi_app.inference.compare import compare
    from aoi_app.inference.compare_report import columns, report, rows
    from aoi_app.inference.comparison import advice, choices
    from aoi_app.inference.gate import GateLimits
    from aoi_app.station.telemetry_nvml import open_monitor

    with tempfile.TemporaryDirectory() as folder, closing(open_monitor()) as monitor:
        boards = _boards(options, Path(folder))
        with Progress(console=options.people, transient=True) as progress:
            task = progress.add_task("comparing", total=1.0)
            comparison = compare(
                find_model(options.model),
                boards,
                choices(options.batches or BATCHES),
                limits=GateLimits(p99_ms=_budget_ms(options, boards)),
                overlap=OVERLAP,
                watts=lambda: monitor.sample().power_w,
                rounds=options.boards,
                options=lambda choice: _calibration(options, Path(folder), choice.precision),
                progress=lambda share, text: progress.update(task, completed=share, description=text),
                note=lambda so_far: options.note(so_far.as_dict()),
            )
    table = Table(title=f"{comparison.model}; {comparison.machine}; {comparison.boards} boards", title_justify="left")
    for name, side in columns(comparison):
        table.add_column(name, justify="right" if side == "right" else "left")
    for figures, cells in rows(comparison):
        if not figures.error:
            table.add_row(*cells)
    options.people.print(table)
    for figures in comparison.figures:
        if figures.error:
            options.people.print(f"{figures.choice}: {figures.error.splitlines()[0]}", style="dim")
    options.people.print(advice(comparison))
    if options.report is not None:
        try:
            options.report.write_text(report(comparison), encoding="utf-8")
        except OSError as error:
            raise StoreError(f"{options.report} could not be written: {error}.", "Choose another file.") from error
    return comparison.as_dict()


def _budget_ms(options: Options, boards: Sequence[FrozenBoard]) -> float | None:
    """Return what a tile may take by the recipe, for its width or else the widest of the boards."""
    if not options.recipe:
        return None
    from aoi_app.app import opening_recipe, recipe_book
    from aoi_app.inference.catalog import find_model
    from aoi_app.inference.comparison import tile_budget_ms
    from aoi_app.inference.model import read_model

    recipe = opening_recipe(recipe_book(), options.recipe)
    if recipe.verdict_budget_ms is None:
        raise RecipeError(
            f"The recipe {recipe.name} sets no budget for the verdict.",
            'Give it "verdict_budget_ms", milliseconds after the last line.',
        )
    width = recipe.width_px or max(board.pixels.shape[1] for board in boards)
    size = read_model(find_model(options.model)).size
    return tile_budget_ms(recipe.verdict_budget_ms, width, size, OVERLAP)


def _calibration(options: Options, folder: Path, precision: str) -> dict[str, Option]:
    """Return what INT8 is calibrated on: the images that were named, the plant's own, or the drawn boards."""
    from aoi_app.core.folders import plant_images_dir

    if precision != "int8":
        return {}
    plant = plant_images_dir()
    return {"calibration": str(options.images or (plant if plant.is_dir() else folder / _DRAWN))}


def _side(batch: int, tile: int = 640) -> int:
    """Return the side of a board of at least `batch` tiles, pixels: a smaller one would leave a run half empty."""
    return math.ceil(math.sqrt(batch)) * (tile - OVERLAP) + OVERLAP


def _boards(options: Options, folder: Path) -> Sequence[FrozenBoard]:
    """Return the boards that were named, or freshly drawn ones."""
    from aoi_app.boards.drawn import SMT_CODES
    from aoi_app.camera.drawn_source import DrawnSource
    from aoi_app.inference.catalog import find_model
    from aoi_app.inference.frozen import frozen_boards
    from aoi_app.inference.model import read_model

    if options.images is not None:
        return frozen_boards([options.images])
    assembled = set(read_model(find_model(options.model)).class_names) & set(SMT_CODES)
    # Every board with defects: what an engine loses shows on them.
    side = _side(max(options.batches or BATCHES))
    drawn: dict[str, int | float | str | bool] = {"width": side, "lines": side, "good_share": 0.0}
    DrawnSource("assembled" if assembled else "bare", drawn).freeze(folder / _DRAWN, BOARDS)
    return frozen_boards([folder / _DRAWN])
