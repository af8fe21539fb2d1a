"""Boards for the simulated line, drawn one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from aoi_app.camera.conveyor import SourceBoard
from aoi_app.core.errors import CameraError

Option = int | float | str | bool

DEFAULT_WIDTH = 2_048
DEFAULT_LINES = 2_048
DEFAULT_GOOD_SHARE = 0.6


class DrawnSource:
    """Draws board after board; the same seed gives the same boards on every machine.

    Parameters
    ----------
    kind
        `bare` or `assembled`.
    options
        `width` and `lines` of a board in pixels, `seed`, and `good_share`, the share of boards without a defect.

    Raises
    ------
    CameraError
        There is no such kind of board, or a size that cannot be drawn.
    """

    def __init__(self, kind: str, options: Mapping[str, Option]) -> None:
        from aoi_app.boards import BoardKind, BoardSpec

        try:
            self._spec = BoardSpec(
                kind=BoardKind(kind),
                width=int(options.get("width", DEFAULT_WIDTH)),
                lines=int(options.get("lines", DEFAULT_LINES)),
            )
        except ValueError as error:
            raise CameraError(
                f"The simulated line cannot draw such boards: {error}.",
                f"Choose one of {', '.join(k.value for k in BoardKind)}, and a size that fits.",
            ) from error
        self._kind = kind
        self._seed = int(options.get("seed", 1))
        self._good_share = float(options.get("good_share", DEFAULT_GOOD_SHARE))

    def __call__(self, number: int) -> SourceBoard:
        """Draw board `number`."""
        from aoi_app.boards import draw_board

        good = np.random.default_rng((self._seed, number, 1)).random() < self._good_share
        spec = replace(self._spec, defects=(0, 0)) if good else self._spec
        return SourceBoard(draw_board(spec, (self._seed, number)).image, f"{self._kind}-{number:06d}")
