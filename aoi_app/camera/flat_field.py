"""Flat-field correction: every column of the sensor gets its own dark level and gain (EMVA 1288: DSNU, PRNU)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from aoi_app.camera.unpack import Raw
from aoi_app.core.errors import CameraError
from aoi_app.core.scan import Pixels

MAX_GAIN = 8.0
"""A column that needs more is dead: its neighbours stand for it."""
MAX_DARK_SHARE = 0.5
"""A column that is brighter than this share of the bright picture in the dark is hot."""
SAME_LINE_RATE = 0.01
MAX_DARK_LEVEL = 64.0
"""Mean grey level, of 255, above which light falls into the lens: no sensor is so bright in the dark."""

Column = NDArray[np.float32]
"""(width,) or (width, 3)."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a correction holds for. It is refused when any of these differs."""

    width: int
    pixel_format: str
    exposure_time_us: float | None
    gain_db: float | None
    acquisition_line_rate: float | None

    def differences(self, other: Conditions) -> list[str]:
        """Tell in which values `other` differs."""
        mine, theirs = asdict(self), asdict(other)
        return [f"{name} was {mine[name]}, is {theirs[name]}" for name in mine if not _same(mine[name], theirs[name])]


def _same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= SAME_LINE_RATE * max(abs(one), abs(other))
    return one == other


@dataclass(frozen=True, slots=True, eq=False)
class FlatField:
    """A correction.

    Attributes
    ----------
    dark
        Level of each column without light, in samples of the sensor.
    gain
        Factor of each column after that.
    bad_columns
        Hot and dead ones, which take the mean of their neighbours.
    conditions
        What it was taken under.
    """

    dark: Column
    gain: Column
    bad_columns: tuple[int, ...]
    conditions: Conditions

    @staticmethod
    def measure(dark: Raw, bright: Raw, depth: int, conditions: Conditions) -> FlatField:
        """Make a correction of lines without light and lines of an even, bright and unsaturated target.

        Parameters
        ----------
        dark, bright
            (lines, width[, 3]), at least one line each; more make it better.
        depth
            Significant bits of a sample.

        Raises
        ------
        CameraError
            The target is not brighter than the dark lines, or is saturated.
        """
        low = dark.mean(axis=0, dtype=np.float64)
        high = bright.mean(axis=0, dtype=np.float64)
        if float((bright >= (1 << depth) - 1).mean()) > 0.01:
            raise CameraError("The bright target is saturated.", "Lower exposure or light to two thirds of full scale.")
        light = high - low
        level = float(np.median(light))
        if level < 4:
            raise CameraError(
                f"The bright target is only {level:.1f} counts brighter than the dark lines.", "Switch the light on."
            )
        gain = level / np.maximum(light, 1e-3)
        bad = (gain > MAX_GAIN) | (low > MAX_DARK_SHARE * float(np.median(high)))
        gain = np.where(bad, 1.0, gain)
        columns = np.flatnonzero(bad if bad.ndim == 1 else bad.any(axis=1))
        return FlatField(low.astype(np.float32), gain.astype(np.float32), tuple(int(c) for c in columns), conditions)

    def check(self, now: Conditions) -> None:
        """Raise CameraError, with what differs, when the camera does not run as it did when this was taken."""
        differences = self.conditions.differences(now)
        if differences:
            raise CameraError(
                f"The flat field does not hold for these settings: {'; '.join(differences)}.",
                "Capture it again: aoi camera flat-field.",
            )

    def save(self, path: Path) -> None:
        """Write it as an .npz file, so that a crash leaves the old file or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(path.name + ".tmp")
        with draft.open("wb") as file:
            np.savez(
                file,
                dark=self.dark,
                gain=self.gain,
                bad_columns=np.array(self.bad_columns, np.int32),
                conditions=np.array(json.dumps(asdict(self.conditions))),
            )
        draft.replace(path)

    @staticmethod
    def load(path: Path) -> FlatField:
        """Read a file that `save` wrote. Raises CameraError."""
        try:
            with np.load(path, allow_pickle=False) as file:
                return FlatField(
                    file["dark"].astype(np.float32),
                    file["gain"].astype(np.float32),
                    tuple(int(c) for c in file["bad_columns"]),
                    Conditions(**json.loads(str(file["conditions"]))),
                )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CameraError(
                f"{path} is no flat field that can be read: {error}.", "Capture it again: aoi camera flat-field."
            ) from error


def check_dark(dark: Pixels) -> None:
    """Raise CameraError when light fell into the lens while the dark lines, 8-bit, were taken."""
    level = float(dark.mean())
    if level > MAX_DARK_LEVEL:
        raise CameraError(
            f"The dark lines are not dark: their mean grey level is {level:.0f}.",
            "Cover the lens, then take them again.",
        )


class Corrector:
    """Applies a correction and the window to 8 bits in one go.

    Parameters
    ----------
    field
        The correction.
    lines
        Most lines that are corrected at once.
    black, white
        Levels, after correction, that become 0 and 255.
    """

    def __init__(self, field: FlatField, lines: int, black: int, white: int) -> None:
        scale = np.float32(255.0 / (white - black))
        factor = field.gain * scale
        # (raw - dark) * gain * scale - black * scale, as one subtraction and one multiplication
        offset = field.dark + np.float32(black) / field.gain
        self._offset = np.ascontiguousarray(np.broadcast_to(offset, (lines, *offset.shape)))
        self._factor = np.ascontiguousarray(np.broadcast_to(factor, (lines, *factor.shape)))
        self._difference = np.empty_like(self._offset)
        self._bad = _neighbours(field.bad_columns, field.dark.shape[0])

    def __call__(self, raw: Raw, out: Pixels) -> None:
        """Write corrected 8-bit lines into `out`, contiguous and of the same shape. One thread at a time."""
        lines = raw.shape[0]
        difference = self._difference[:lines]
        cv2.subtract(np.ascontiguousarray(raw), self._offset[:lines], difference, dtype=cv2.CV_32F)
        cv2.multiply(difference, self._factor[:lines], out, dtype=cv2.CV_8U)
        for column, sides in self._bad:
            out[:, column] = out[:, sides].mean(axis=1)


def _neighbours(bad: tuple[int, ...], width: int) -> tuple[tuple[int, list[int]], ...]:
    good = np.setdiff1d(np.arange(width), bad)
    pairs = []
    for column in bad:
        at = int(np.searchsorted(good, column))
        sides = [int(c) for c in good[max(0, at - 1) : at + 1]]
        if sides:
            pairs.append((column, sides))
    return tuple(pairs)
