"""How exactly the golden board is found: boards moved by known maps, and wrong boards that must be refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from aoi_app.core.errors import RecipeError
from aoi_app.core.scan import Pixels
from aoi_app.inference.dense_fit import Matrix
from aoi_app.inference.registration import register

SHIFT_PX, ROTATION_DEG, STRETCH = 60.0, 1.0, 0.01
"""The most that a board is moved: shift in any direction, rotation, stretch along the transport."""
GRID = 9
BEYOND = 128
NOISE, GAIN = 4.0, 0.9
"""Grey levels of noise, and what becomes of the light, in a scan that was moved."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A golden board and a scan of the same board that lies on it to a few pixels, (lines, width[, 3]).

    Attributes
    ----------
    product
        Two windows of one product may show the same tracks: only another product's is a wrong board.
    """

    name: str
    golden: Pixels
    scan: Pixels
    product: str = ""


@dataclass(slots=True)
class RegistrationFigures:
    """What was measured.

    Attributes
    ----------
    errors_px
        Distance of each point of a grid from where it must be: where the golden board was found in the scan as it is,
        and then the known map. All boards and maps together.
    own_px
        Distance of the same points in the scans as they are from where the golden board has them.
    seconds
        Of each registration that succeeded.
    lost
        Boards of the right kind that were refused, with the reason.
    wrong, wrong_refused
        Scans of other boards that were tried, and how many of them were refused.
    """

    errors_px: list[float] = field(default_factory=list)
    own_px: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    boards: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: int = 0
    wrong_refused: int = 0

    def percentile(self, share: float) -> float:
        """Return a percentile of the errors, pixels; nan where nothing was found."""
        return float(np.percentile(self.errors_px, share)) if self.errors_px else float("nan")

    def own_percentile(self, share: float) -> float:
        """Return a percentile of the displacements that the scans had before they were moved, pixels."""
        return float(np.percentile(self.own_px, share)) if self.own_px else float("nan")

    @property
    def median_ms(self) -> float:
        """Median time of a registration, milliseconds."""
        return 1e3 * float(np.median(self.seconds)) if self.seconds else float("nan")


def measure_registration(
    pairs: Sequence[Pair],
    maps: int = 3,
    seed: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> RegistrationFigures:
    """Move each scan by `maps` known maps and find the golden board in it; then try to find it in another board.

    Parameters
    ----------
    progress
        Hears of boards done and boards in all.
    """
    figures = RegistrationFigures()
    several = len({pair.product for pair in pairs}) > 1
    rng = np.random.default_rng(seed)
    for number, pair in enumerate(pairs):
        _try_maps(pair, maps, rng, figures)
        others = (*pairs[number + 1 :], *pairs[:number])
        other = next((o for o in others if o.product != pair.product or not several), None)
        if other is not None:
            figures.wrong += 1
            try:
                register(pair.golden, other.scan)
            except RecipeError:
                figures.wrong_refused += 1
        progress(number + 1, len(pairs))
    return figures


def drawn_map(width: int, lines: int, rng: np.random.Generator) -> Matrix:
    """Return a map of the size that a conveyor makes: golden (x, y, 1) -> scan, around the board's middle."""
    turn = np.radians(rng.uniform(-ROTATION_DEG, ROTATION_DEG))
    linear = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    linear = linear @ np.diag([1.0, 1.0 + rng.uniform(-STRETCH, STRETCH)])
    # Any direction up to the whole length: the corners of the square are shifts that are too long.
    direction, length = rng.uniform(0, 2 * np.pi), SHIFT_PX * np.sqrt(rng.uniform())
    shift = length * np.array([np.cos(direction), np.sin(direction)])
    middle = np.array([width / 2, lines / 2])
    return np.column_stack([linear, middle + shift - linear @ middle])


def moved(scan: Pixels, matrix: Matrix, rng: np.random.Generator) -> Pixels:
    """Return a scan under a map, a little darker and with noise of its own."""
    size = scan.shape[1], scan.shape[0]
    turned = cv2.warpAffine(scan, matrix, size, flags=cv2.INTER_LINEAR, borderValue=(BEYOND,) * 3)
    return np.asarray(np.clip(turned * GAIN + rng.normal(0, NOISE, scan.shape), 0, 255), np.uint8)


def _try_maps(pair: Pair, maps: int, rng: np.random.Generator, figures: RegistrationFigures) -> None:
    lines, width = pair.golden.shape[:2]
    grid = np.array([(x, y) for x in np.linspace(0, width, GRID) for y in np.linspace(0, lines, GRID)])
    try:
        here: NDArray[np.float64] = register(pair.golden, pair.scan).to_scan(grid)
    except RecipeError as error:
        figures.boards += maps
        figures.lost += [f"{pair.name}, as it is: {error.what}"] * maps
        return
    figures.own_px += np.linalg.norm(here - grid, axis=1).tolist()
    for _ in range(maps):
        matrix = drawn_map(pair.scan.shape[1], pair.scan.shape[0], rng)
        scan = moved(pair.scan, matrix, rng)
        figures.boards += 1
        began = time.perf_counter()
        try:
            found = register(pair.golden, scan)
        except RecipeError as error:
            figures.lost.append(f"{pair.name}: {error.what}")
            continue
        figures.seconds.append(time.perf_counter() - began)
        truth = here @ matrix[:, :2].T + matrix[:, 2]
        figures.errors_px += np.linalg.norm(found.to_scan(grid) - truth, axis=1).tolist()
