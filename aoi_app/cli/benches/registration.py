"""How exactly the golden board is found in a scan."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import Progress

from aoi_app.cli.benches.options import Figures, Options, show
from aoi_app.core.errors import ImageError

if TYPE_CHECKING:
    from aoi_app.inference.registration_bench import Pair

DRAWN_SIDE = 1_024
DRAWN_BOARDS = 12
PAIRS = (("_test", "_temp"), ("_scan", "_golden"))


def run(options: Options) -> Figures:
    """Move boards by known maps: those of a folder (`x_test` beside `x_temp`), or drawn ones."""
    from aoi_app.inference.registration_bench import measure_registration

    pairs = _read(options.images, options.boards) if options.images else _drawn(max(DRAWN_BOARDS, options.boards))
    with Progress(console=options.people, transient=True) as progress:
        task = progress.add_task("registering", total=len(pairs))
        found = measure_registration(pairs, progress=lambda done, total: progress.update(task, completed=done))
    figures = {
        "source": str(options.images or "drawn boards"),
        "boards": len(pairs),
        "maps": found.boards,
        "error p50, px": found.percentile(50),
        "error p95, px": found.percentile(95),
        "error p99, px": found.percentile(99),
        "the pairs' own displacement p95, px": found.own_percentile(95),
        "refused though right": len(found.lost),
        "wrong boards refused": f"{found.wrong_refused} of {found.wrong}",
        "median time, ms": found.median_ms,
    }
    show(options.people, "Registration: shift to 60 px, rotation to 1 degree, stretch to 1 %", figures)
    for reason in found.lost[:5]:
        options.people.print(f"[dim]{reason}[/]")
    return {name: None if isinstance(v, float) and math.isnan(v) else v for name, v in figures.items()}


def _read(folder: Path, most: int) -> Sequence[Pair]:
    """Return up to `most` pairs of each folder of a tree, evenly picked."""
    from aoi_app.camera.images import read_board
    from aoi_app.inference.registration_bench import Pair

    found: dict[Path, list[tuple[Path, Path]]] = {}
    for file in sorted(folder.rglob("*.png")):
        for scan, golden in PAIRS:
            twin = file.with_name(file.stem.removesuffix(scan) + golden + file.suffix)
            if scan and file.stem.endswith(scan) and twin.exists():
                found.setdefault(file.parent, []).append((file, twin))
    if not found:
        raise ImageError(f"{folder} holds no pairs of images.", "Name them x_test.png and x_temp.png.")
    chosen = [pair for pairs in found.values() for pair in pairs[:: max(1, len(pairs) // most)][:most]]
    return [Pair(file.stem, read_board(twin), read_board(file), str(file.parent)) for file, twin in chosen]


def _drawn(count: int) -> Sequence[Pair]:
    from aoi_app.boards import BoardKind, BoardSpec, Look, draw_board
    from aoi_app.inference.registration_bench import Pair

    kinds = (BoardKind.BARE, BoardKind.ASSEMBLED)
    pairs = []
    for seed in range(count):
        kind = kinds[seed % 2]
        spec = BoardSpec(
            kind, DRAWN_SIDE, DRAWN_SIDE, px_per_mm=48.0 if kind is BoardKind.BARE else 20.0, look=Look.LINE_SCAN,
            defects=(4, 8),
        )  # fmt: skip
        board = draw_board(spec, seed)
        pairs.append(Pair(f"{kind.value}-{seed}", board.golden, board.image))
    return pairs
