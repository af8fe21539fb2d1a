"""How any camera with GenICam features is set up: SFNC names first, then those from before the SFNC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from aoi_app.camera.board_options import BoardOptions
from aoi_app.camera.unpack import ALIASES, board_format, layout_of
from aoi_app.core.errors import FeatureError
from aoi_app.core.protocols import AcquisitionConfig

Value = int | float | str | bool

LINE_RATE = ("AcquisitionLineRate", "AcquisitionLineRateAbs")
FRAME_RATE = ("AcquisitionFrameRate", "AcquisitionFrameRateAbs")
EXPOSURE = ("ExposureTime", "ExposureTimeAbs")
GAIN = ("Gain", "GainAbs")

SCAN_DIRECTION = ("ScanDirection", "sensorScanDirection")
"""Of TDI sensors, which add up the same line of the board row by row and must know where it goes."""

CHUNKS: Mapping[str, str] = {
    "encoder": "ChunkEncoderValue",
    "line_triggers": "ChunkLineTriggerEndToEndCounter",
    "line_status": "ChunkLineStatusAll",
    "part": "ChunkFramesPerTriggerCounter",
}
"""What `Intake.take` wants to know of a block -> SFNC's name, and for the counters Basler's."""


class Features(Protocol):
    """Features of an open camera by name. Each raises FeatureError where the camera does not have it."""

    def has(self, name: str) -> bool:
        """Tell whether the camera has a feature and offers it now."""

    def get(self, name: str) -> Value:
        """Return a value; of an enumeration the name of its entry."""

    def set(self, name: str, value: Value) -> None:
        """Set a value; `Name[Selector=Entry]` chooses the entry first."""

    def number(self, name: str) -> float | None:
        """Return a number; None when the camera does not have it."""

    def entries(self, name: str) -> tuple[str, ...]:
        """Return the entries of an enumeration; none when the camera does not have it."""


@dataclass(frozen=True, slots=True)
class SetUp:
    """How a camera really runs.

    Attributes
    ----------
    pixel_format
        The PFNC name of what it sends; the boards' own is in `applied`.
    encoder_divider
        Counts of its encoder from line to line; 0 where the encoder does not trigger them.
    rests
        Whether it may deliver nothing for as long as it likes: it waits for a trigger, or does not tell.
    """

    applied: AcquisitionConfig
    pixel_format: str
    encoder_divider: float
    rests: bool = True


def set_up(features: Features, config: AcquisitionConfig, options: Mapping[str, Value]) -> SetUp:
    """Set what the camera has of a configuration, then the features among the options; return what is.

    Raises
    ------
    FeatureError
        A value is refused, or an option names a feature that the camera does not have.
    """
    _set_pixel_format(features, str(options.get("pixel_format", config.pixel_format.value)))
    _set_width(features, config.width)
    set_first(features, ("Height",), config.height)
    set_first(features, EXPOSURE, config.exposure_time_us)
    set_first(features, GAIN, config.gain_db)
    rate = config.acquisition_line_rate
    if rate is not None and not set_first(features, LINE_RATE, rate):
        # An area-scan camera: so many blocks a second make the same lines.
        set_first(features, ("AcquisitionFrameRateEnable",), True)
        set_first(features, FRAME_RATE, rate / config.height)
    if "Continuous" in features.entries("AcquisitionMode"):
        with suppress(FeatureError):  # some offer nothing else, and do not let it be written
            features.set("AcquisitionMode", "Continuous")
    enable_chunks(features)
    _set_direction(features, options)
    for name, value in options.items():
        if name[:1].isupper():
            features.set(name, value)
    found = str(features.get("PixelFormat"))
    applied = replace(
        config,
        width=int(features.number("Width") or 0),
        height=int(features.number("Height") or 0),
        pixel_format=board_format(layout_of(found)),
        acquisition_line_rate=first_number(features, LINE_RATE) or rate,
        exposure_time_us=first_number(features, EXPOSURE),
        gain_db=first_number(features, GAIN),
    )
    return SetUp(applied, found, encoder_divider(features), rests=waits_for_trigger(features))


def _set_pixel_format(features: Features, name: str) -> None:
    offered = features.entries("PixelFormat")
    old = next((old for old, new in ALIASES.items() if new == name), name)
    features.set("PixelFormat", old if name not in offered and old in offered else name)


def _set_width(features: Features, width: int | None) -> None:
    """Set the width; None takes all of the sensor, whatever another recipe has left."""
    if width is None:
        with suppress(FeatureError):  # of a camera whose offset cannot be moved
            set_first(features, ("OffsetX",), 0)
        width = int(features.number("WidthMax") or 0) or None
    set_first(features, ("Width",), width)


def _set_direction(features: Features, options: Mapping[str, Value]) -> None:
    """Tell a TDI sensor from which side boards come, where the settings say so."""
    if "transport" not in options:
        return
    entry = BoardOptions.among(options).transport.value.capitalize()
    set_first(features, [name for name in SCAN_DIRECTION if entry in features.entries(name)], entry)


def set_first(features: Features, names: Sequence[str], value: Value | None) -> bool:
    """Set the first of several features that the camera has; False when it has none. None leaves all."""
    name = None if value is None else next(filter(features.has, names), None)
    if name is None or value is None:
        return False
    features.set(name, value)
    return True


def first_number(features: Features, names: Sequence[str]) -> float | None:
    """Return the first of several features that the camera has, as a number."""
    return next((number for number in map(features.number, names) if number is not None), None)


def enable_chunks(features: Features) -> None:
    """Have the camera send what it knows of each block, as far as it is of use."""
    offered = features.entries("ChunkSelector")
    wanted = [entry for entry in (name.removeprefix("Chunk") for name in CHUNKS.values()) if entry in offered]
    if not wanted:
        return
    features.set("ChunkModeActive", True)
    for entry in wanted:
        features.set("ChunkSelector", entry)
        if not features.get("ChunkEnable"):
            features.set("ChunkEnable", True)


def encoder_divider(features: Features) -> float:
    """Return the counts of the encoder from line to line; 0 where it does not trigger the lines, 1 if unknown."""
    if trigger_modes(features).get("LineStart") == "Off":
        return 0
    return features.number("EncoderDivider") or 1


def waits_for_trigger(features: Features) -> bool:
    """Tell whether any trigger is on; True as well where the camera tells neither of triggers nor of its own pace."""
    modes = trigger_modes(features)
    has_pace = any(map(features.has, LINE_RATE + FRAME_RATE))
    return not (modes and has_pace) or any(mode != "Off" for mode in modes.values())


def trigger_modes(features: Features) -> dict[str, str]:
    """Return the mode of each trigger by its selector's entry; none where the camera has no selector or no mode."""
    entries = features.entries("TriggerSelector")
    if not entries:
        return {}
    before = features.get("TriggerSelector")
    modes: dict[str, str] = {}
    try:
        for entry in entries:
            with suppress(FeatureError):  # of an entry that cannot be chosen now
                features.set("TriggerSelector", entry)
                if features.has("TriggerMode"):
                    modes[entry] = str(features.get("TriggerMode"))
    finally:
        features.set("TriggerSelector", before)
    return modes
