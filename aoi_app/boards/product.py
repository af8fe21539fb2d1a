"""One product on the simulated line: the same layout for ever, other defects on every board."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

import cv2
import numpy as np

from aoi_app.boards.bare.defects import CLASS_MIX, find_defects
from aoi_app.boards.bare.layout import draw_copper, draw_whole_copper
from aoi_app.boards.drawn import Box, DrawnBoard, Image, Label, Placement, as_image, frozen
from aoi_app.boards.look import COPPER_GREY, LAMINATE_GREY, EdgeNoise, binarised
from aoi_app.boards.sensor import LineSensor
from aoi_app.boards.smt.assembly import draw_assembly
from aoi_app.boards.smt.defects import SMT_MIX, make_defects
from aoi_app.boards.spec import BoardKind, BoardSpec, Look
from aoi_app.core.pages import own_pages


class _Scenes(ABC):
    """The ideal picture of a product, and its defects as changed regions of it."""

    ideal: Image
    placements: tuple[Placement, ...] = ()

    @abstractmethod
    def defects(self, rng: np.random.Generator, count: int) -> list[tuple[Label, Image]]:
        """Return up to `count` defects: label, and the ideal pixels of the label's box."""


class _BareScenes(_Scenes):
    def __init__(self, spec: BoardSpec, rng: np.random.Generator, window: bool) -> None:
        draw = draw_copper if window else draw_whole_copper
        self._copper = draw(spec.width, spec.lines, spec.px_per_mm, rng)
        dark, light = (0, 255) if spec.look in (Look.IDEAL, Look.BINARY) else (COPPER_GREY, LAMINATE_GREY)
        self._levels = np.linspace(light, dark, 256).astype(np.uint8)
        self._px_per_mm = spec.px_per_mm
        self.ideal = self._grey(self._copper)

    def _grey(self, copper: Image) -> Image:
        return as_image(cv2.LUT(copper, self._levels))

    def defects(self, rng: np.random.Generator, count: int) -> list[tuple[Label, Image]]:
        codes = rng.choice(list(CLASS_MIX), count, p=list(CLASS_MIX.values()))
        found = find_defects(self._copper, rng, [str(c) for c in codes], self._px_per_mm)
        return [(label, self._grey(pixels)) for label, pixels in found]


class _AssembledScenes(_Scenes):
    def __init__(self, spec: BoardSpec, rng: np.random.Generator, window: bool) -> None:
        self._board = draw_assembly(spec.width, spec.lines, spec.px_per_mm, rng, whole=not window)
        self._colour = spec.colour
        self.placements = self._board.placements
        self.ideal = self._shown(self._board.golden)

    def _shown(self, picture: Image) -> Image:
        return picture if self._colour else as_image(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))

    def defects(self, rng: np.random.Generator, count: int) -> list[tuple[Label, Image]]:
        codes = rng.choice(list(SMT_MIX), count, p=list(SMT_MIX.values()))
        return [(e.label, self._shown(e.pixels)) for e in make_defects(self._board, rng, [str(c) for c in codes])]


_SCENES: dict[BoardKind, type[_BareScenes] | type[_AssembledScenes]] = {
    BoardKind.BARE: _BareScenes,
    BoardKind.ASSEMBLED: _AssembledScenes,
}


class BoardProduct:
    """An endless sequence of boards of one design.

    The layout is drawn and exposed once; a board is a copy with its defects put in and its own noise.

    Parameters
    ----------
    spec
        Kind, size, resolution, look, and how many defects a bad board has.
    seed
        The design, and with it every board.
    good
        Share of boards without a defect.
    window
        Draw a window cut from a larger board, without rim and fiducials.

    Examples
    --------
    >>> product = BoardProduct(BoardSpec(width=256, lines=256, defects=(1, 3)), seed=4)
    >>> bool((product.board(2).image == product.board(2).image).all())
    True
    """

    def __init__(self, spec: BoardSpec, seed: int, good: float = 0.7, window: bool = False) -> None:
        if not 0.0 <= good <= 1.0:
            raise ValueError(f"the share of good boards is {good}; it must lie between 0 and 1")
        self.spec = spec
        self.good = good
        self._seed = seed
        rng = np.random.default_rng(seed)
        self._scenes = _SCENES[spec.kind](spec, rng, window)
        self._sensor = LineSensor(spec.width, 3 if self._scenes.ideal.ndim == 3 else 1, rng)
        self._edges = replace(EdgeNoise(), blur_px=(1.2, 1.2), swelling=0.05)
        self._scan = self._seen(self._scenes.ideal, rng, 0)
        golden = self._sensor.still(self._scan) if spec.look is Look.LINE_SCAN else self._scan
        self.golden = frozen(self._seen(self._scenes.ideal, rng, 0) if spec.look is Look.BINARY else golden)

    @property
    def placements(self) -> tuple[Placement, ...]:
        """Rows of the centroid file; none for bare boards."""
        return self._scenes.placements

    def board(self, number: int) -> DrawnBoard:
        """Return board `number` (0 or more) of the sequence; the same number gives the same board."""
        rng = np.random.default_rng((self._seed, 1, number))
        count = 0 if rng.random() < self.good else int(rng.integers(self.spec.defects[0], self.spec.defects[1] + 1))
        defects = self._scenes.defects(rng, count)
        image = self._scan
        if defects:
            image = own_pages(self._scan.shape)
            image[:] = self._scan
            for label, pixels in defects:
                self._put(image, label.box, pixels, rng)
        if self.spec.look is Look.LINE_SCAN:
            image = self._sensor.noisy(image, rng)
        labels = tuple(label for label, _ in defects)
        return DrawnBoard(frozen(image), self.golden, labels, self.spec.px_per_mm, self.placements)

    def _put(self, image: Image, box: Box, pixels: Image, rng: np.random.Generator) -> None:
        """Expose a changed region with what lies around it, so that the blur crosses its border rightly."""
        reach = self._sensor.reach + 3
        x1, y1 = max(0, box[0] - reach), max(0, box[1] - reach)
        x2, y2 = min(self.spec.width, box[2] + reach), min(self.spec.lines, box[3] + reach)
        wider = self._scenes.ideal[y1:y2, x1:x2].copy()
        wider[box[1] - y1 : box[3] - y1, box[0] - x1 : box[2] - x1] = pixels
        seen = self._seen(wider, rng, x1)
        image[box[1] : box[3], box[0] : box[2]] = seen[box[1] - y1 : box[3] - y1, box[0] - x1 : box[2] - x1]

    def _seen(self, ideal: Image, rng: np.random.Generator, left: int) -> Image:
        if self.spec.look is Look.LINE_SCAN:
            return self._sensor.expose(ideal, left)
        if self.spec.look is Look.BINARY and self.spec.kind is BoardKind.BARE:
            return binarised(ideal, rng, self._edges)
        return ideal
