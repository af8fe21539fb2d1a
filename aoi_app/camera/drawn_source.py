"""Boards for the simulated line, drawn one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from aoi_app.boards.codes import labelled
from aoi_app.boards.drawn import BARE_CODES, SMT_CODES
from aoi_app.camera.conveyor import SourceBoard
from aoi_app.core.errors import CameraError
from aoi_app.core.scan import Pixels

if TYPE_CHECKING:
    from aoi_app.boards import BoardSpec
    from aoi_app.boards.product import BoardProduct

Option = int | float | str | bool

DEFAULTS: Mapping[str, Mapping[str, Option]] = {
    "bare": {"width": 3_072, "lines": 2_048, "px_per_mm": 48.0, "look": "line-scan"},
    "assembled": {"width": 3_072, "lines": 2_048, "px_per_mm": 20.0, "look": "line-scan"},
}
DEFAULT_SEED = 1
DEFAULT_GOOD_SHARE = 0.75
DEFECTS = (1, 4)


class DrawnSource:
    """Boards of one product; the same seed gives the same boards on every machine.

    Parameters
    ----------
    kind
        `bare` or `assembled`.
    options
        `width` and `lines` of a board in pixels, `px_per_mm`, `look` (ideal, binary, line-scan), `colour`, `seed` (the
        design), `good_share`, the share of boards without a defect, `designs`, the number of products that pass in
        turns, and `code`, the kind of bar code on their labels (DataMatrix, QRCode, ...; empty for no label). The code
        is `code_text`, a letter for the design (A, B, ...), and the board's number.

    Raises
    ------
    CameraError
        There is no such kind of board, or a size that cannot be drawn.
    """

    def __init__(self, kind: str, options: Mapping[str, Option]) -> None:
        defaults = DEFAULTS.get(kind)
        if defaults is None:
            raise CameraError(
                f"The simulated line cannot draw {kind!r} boards.", f"Choose one of {', '.join(DEFAULTS)}."
            )
        self._kind = kind
        # Drawn anew at every start: without a mark of it they would count as the boards of the last one, come back.
        self._mark = datetime.now(timezone.utc).strftime("%y%m%d%H%M%S")
        self._wanted = {**defaults, **{k: v for k, v in options.items() if k in DRAWN_OPTIONS}}
        _spec(kind, self._wanted)

    @property
    def golden(self) -> Pixels:
        """The defect-free board of the first design, as the line would scan it."""
        return self.golden_of(0)

    def golden_of(self, design: int) -> Pixels:
        """Return the defect-free board of a design."""
        return self._with_label(self._product(design).golden, "")

    def __call__(self, number: int) -> SourceBoard:
        """Draw board `number`."""
        design = number % max(1, int(self._wanted.get("designs", 1)))
        text = f"{self._wanted.get('code_text', '')}{chr(ord('A') + design % 26)}{number:06d}"
        image = self._with_label(self._product(design).board(number).image, text)
        return SourceBoard(image, f"{self._kind}-{self._mark}-{number:06d}")

    def _with_label(self, image: Pixels, text: str) -> Pixels:
        kind = str(self._wanted.get("code", ""))
        return labelled(image, float(self._wanted["px_per_mm"]), text, kind) if kind else image

    def freeze(self, folder: Path, count: int) -> None:
        """Write `count` faulty boards into a new folder: image, golden image, and labels as shares of the image."""
        drawn = {k: v for k, v in self._wanted.items() if k in _DRAWN}
        product = _product(self._kind, tuple(sorted({**drawn, "good_share": 0.0}.items())))
        codes = BARE_CODES if self._kind == "bare" else SMT_CODES
        draft = folder.with_name(folder.name + ".part")
        draft.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            board = product.board(number)
            lines, width = board.image.shape[:2]
            for suffix, pixels in (("", board.image), (".golden", board.golden)):
                ordered = pixels if pixels.ndim == 2 else pixels[..., ::-1]
                (draft / f"{number:03d}{suffix}.png").write_bytes(cv2.imencode(".png", ordered)[1].tobytes())
            rows = []
            for label in board.labels:
                x1, y1, x2, y2 = label.box
                values = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / lines, (x2 - x1) / width, (y2 - y1) / lines)
                rows.append(" ".join([str(codes.index(label.defect_code)), *(f"{v:.6f}" for v in values)]))
            (draft / f"{number:03d}.txt").write_text("\n".join(rows) + "\n", encoding="utf-8")
        draft.rename(folder)

    def _product(self, design: int = 0) -> BoardProduct:
        seed = int(self._wanted.get("seed", DEFAULT_SEED)) + design
        drawn = {k: v for k, v in self._wanted.items() if k in _DRAWN}
        return _product(self._kind, tuple(sorted({**drawn, "seed": seed}.items())))


_DRAWN = ("width", "lines", "px_per_mm", "look", "colour", "seed", "good_share")
DRAWN_OPTIONS = (*_DRAWN, "code", "code_text", "designs")


def _spec(kind: str, wanted: Mapping[str, Option]) -> BoardSpec:
    from aoi_app.boards import BoardKind, BoardSpec, Look

    try:
        return BoardSpec(
            kind=BoardKind(kind),
            width=int(wanted["width"]),
            lines=int(wanted["lines"]),
            px_per_mm=float(wanted["px_per_mm"]),
            defects=DEFECTS,
            look=Look(str(wanted["look"])),
            colour=bool(wanted.get("colour", False)),
        )
    except ValueError as error:
        raise CameraError(
            f"The simulated line cannot draw such boards: {error}.", "Choose a size and a look that fit."
        ) from error


@lru_cache(4)
def _product(kind: str, wanted: tuple[tuple[str, Option], ...]) -> BoardProduct:
    """Draw the design once; the camera's boards and the golden board come from the same."""
    from aoi_app.boards.product import BoardProduct

    values = dict(wanted)
    seed, good = int(values.get("seed", DEFAULT_SEED)), float(values.get("good_share", DEFAULT_GOOD_SHARE))
    return BoardProduct(_spec(kind, values), seed, good)
