"""Boards for the simulated line, drawn one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

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
        design), and `good_share`, the share of boards without a defect.

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
        self._wanted = {**defaults, **{k: v for k, v in options.items() if k in _KNOWN}}
        _spec(kind, self._wanted)

    @property
    def golden(self) -> Pixels:
        """The defect-free board, as the line would scan it."""
        return self._product().golden

    def __call__(self, number: int) -> SourceBoard:
        """Draw board `number`."""
        return SourceBoard(self._product().board(number).image, f"{self._kind}-{number:06d}")

    def freeze(self, folder: Path, count: int) -> None:
        """Write `count` faulty boards into a new folder: image, golden image, and labels as shares of the image."""
        product = _product(self._kind, tuple(sorted({**self._wanted, "good_share": 0.0}.items())))
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

    def _product(self) -> BoardProduct:
        return _product(self._kind, tuple(sorted(self._wanted.items())))


_KNOWN = ("width", "lines", "px_per_mm", "look", "colour", "seed", "good_share")


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


@lru_cache(2)
def _product(kind: str, wanted: tuple[tuple[str, Option], ...]) -> BoardProduct:
    """Draw the design once; the camera's boards and the golden board come from the same."""
    from aoi_app.boards.product import BoardProduct

    values = dict(wanted)
    seed, good = int(values.get("seed", DEFAULT_SEED)), float(values.get("good_share", DEFAULT_GOOD_SHARE))
    return BoardProduct(_spec(kind, values), seed, good)
