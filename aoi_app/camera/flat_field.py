"""Flat-field correction: every column of the sensor gets its own dark level and gain (EMVA 1288: DSNU, PRNU)."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from aoi_app.camera.unpack import Raw, layout_of
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
"""(width,), (width, 3), or of a Bayer pattern (2, width): its even and its odd lines have different colours."""


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
            (lines, width[, 3]), at least one line each; more make it better. Of a Bayer pattern the mosaic itself,
            an even number of lines.
        depth
            Significant bits of a sample.

        Raises
        ------
        CameraError
            The target is not brighter than the dark lines, or is saturated.
        """
        is_mosaic = _is_mosaic(conditions)
        low, high = (_mean(lines, is_mosaic) for lines in (dark, bright))
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
        columns = np.flatnonzero(bad if bad.ndim == 1 else bad.any(axis=0 if is_mosaic else 1))
        return FlatField(low.astype(np.float32), gain.astype(np.float32), tuple(int(c) for c in columns), conditions)

    def check(self, now: Conditions) -> None:
        """Raise CameraError, with what differs, when the camera does not run as it did when this was taken."""
        differences = self.conditions.differences(now)
        if differences:
            raise CameraError(
                f"The flat field does not hold for these settings: {'; '.join(differences)}.",
                "Capture it again: aoi camera flat-field.",
            )

    def check_columns(self) -> None:
        """Raise ValueError when it has not one finite dark level and one gain above 0 for each column."""
        width = self.conditions.width
        shapes = ((2, width),) if _is_mosaic(self.conditions) else ((width,), (width, 3))
        if self.dark.shape not in shapes or self.gain.shape != self.dark.shape:
            raise ValueError(f"it has levels of shape {self.dark.shape}, {' or '.join(map(str, shapes))} is due")
        if not (np.isfinite(self.dark).all() and np.isfinite(self.gain).all() and (self.gain > 0).all()):
            raise ValueError("its levels are no numbers that lines can be corrected with")
        if not all(0 <= column < width for column in self.bad_columns):
            raise ValueError(f"it names bad columns beyond the {width} that there are")

    def save(self, path: Path) -> None:
        """Write it as an .npz file, so that a crash leaves the old file or the new one. Raises CameraError."""
        try:
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
        except OSError as error:
            raise CameraError(f"{path} could not be written: {error}.", "Choose another folder.") from error

    @staticmethod
    def load(path: Path) -> FlatField:
        """Read a file that `save` wrote. Raises CameraError."""
        try:
            with np.load(path, allow_pickle=False) as file:
                field = FlatField(
                    file["dark"].astype(np.float32),
                    file["gain"].astype(np.float32),
                    tuple(int(c) for c in file["bad_columns"]),
                    Conditions(**json.loads(str(file["conditions"]))),
                )
            field.check_columns()
            return field
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
            raise CameraError(
                f"{path} is no flat field that can be read: {error}.", "Capture it again: aoi camera flat-field."
            ) from error


def _is_mosaic(conditions: Conditions) -> bool:
    return layout_of(conditions.pixel_format).bayer is not None


def _mean(lines: Raw, is_mosaic: bool) -> NDArray[np.float64]:
    """Return the mean of each column; of a mosaic of its even and its odd lines."""
    folded = lines[: len(lines) // 2 * 2].reshape(-1, 2, *lines.shape[1:]) if is_mosaic else lines
    return np.asarray(folded.mean(axis=0, dtype=np.float64))


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
        Most lines that are corrected at once; of a Bayer pattern an even number, as is the first of them.
    black, white
        Levels, after correction, that become 0 and 255.
    """

    def __init__(self, field: FlatField, lines: int, black: int, white: int) -> None:
        scale = np.float32(255.0 / (white - black))
        factor = field.gain * scale
        # (raw - dark) * gain * scale - black * scale, as one subtraction and one multiplication
        offset = field.dark + np.float32(black) / field.gain
        is_mosaic = _is_mosaic(field.conditions)
        self._offset, self._factor = (_repeated(column, lines, is_mosaic) for column in (offset, factor))
        self._difference = np.empty_like(self._offset)
        # The next column of the same colour is the one after the next.
        self._bad = _neighbours(field.bad_columns, field.conditions.width, 2 if is_mosaic else 1)

    def __call__(self, raw: Raw, out: Pixels) -> None:
        """Write corrected 8-bit lines into `out`, contiguous and of the same shape. One thread at a time."""
        lines = raw.shape[0]
        difference = self._difference[:lines]
        cv2.subtract(np.ascontiguousarray(raw), self._offset[:lines], difference, dtype=cv2.CV_32F)
        cv2.multiply(difference, self._factor[:lines], out, dtype=cv2.CV_8U)
        for column, sides in self._bad:
            out[:, column] = out[:, sides].mean(axis=1)


def _repeated(column: Column, lines: int, is_mosaic: bool) -> Column:
    shape = (lines, *column.shape[1:]) if is_mosaic else (lines, *column.shape)
    return np.resize(column, shape)


def _neighbours(bad: tuple[int, ...], width: int, step: int) -> tuple[tuple[int, list[int]], ...]:
    pairs = []
    for column in bad:
        good = np.setdiff1d(np.arange(column % step, width, step), bad)
        at = int(np.searchsorted(good, column))
        sides = [int(c) for c in good[max(0, at - 1) : at + 1]]
        if sides:
            pairs.append((column, sides))
    return tuple(pairs)
