"""Settings of a camera that is being adjusted: what a person edits, in the words of the station's settings. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from aoi_app.camera.drivers import acquisition_config
from aoi_app.camera.introspection import FeatureInfo
from aoi_app.camera.unpack import board_format, layout_of
from aoi_app.core.errors import FeatureError
from aoi_app.core.options import guessed
from aoi_app.core.protocols import AcquisitionConfig
from aoi_app.core.scan import PixelFormat
from aoi_app.core.settings import CameraSettings

Option = int | float | str | bool

FLAT_FIELD = "flat_field"
SPOILERS = (FLAT_FIELD, "black_level", "white_level")
"""Options that a flat field must not be captured with."""
MAX_HEIGHT = 4_096
BOOLEANS = {"True": True, "False": False}


def config_of(settings: CameraSettings, width: int | None) -> AcquisitionConfig:
    """Return what the station would ask of the camera, for boards of a recipe `width` px wide."""
    return replace(acquisition_config(settings), width=width, pixel_format=settings.pixel_format)


def basic_features(applied: AcquisitionConfig) -> list[FeatureInfo]:
    """Return what can be set of a camera whose driver has no features."""
    rate = applied.acquisition_line_rate
    formats = ", ".join(f.value for f in PixelFormat)
    return [
        FeatureInfo("AcquisitionLineRate", f"{rate or 0:g}", "Hz"),
        FeatureInfo("Height", str(applied.height), "px", f"1 to {MAX_HEIGHT}"),
        FeatureInfo("PixelFormat", applied.pixel_format.value, "", formats),
    ]


def choices_of(feature: FeatureInfo) -> tuple[str, ...]:
    """Return what a feature can be set to; empty for a number or a free text."""
    if feature.value in BOOLEANS:
        return tuple(BOOLEANS)
    entries = tuple(feature.limits.split(", "))
    return entries if feature.value in entries else ()


def qualified(name: str, shown: Sequence[FeatureInfo]) -> str:
    """Return a feature's name with its selector's entry, such as `TriggerMode[TriggerSelector=LineStart]`.

    SFNC names what a selector selects after it: TriggerSelector selects Trigger..., the longest name wins.
    """
    selectors = [f for f in shown if f.name.endswith("Selector") and f.name != name]
    fitting = [f for f in selectors if name.startswith(f.name.removesuffix("Selector"))]
    if not fitting or name.endswith("Selector"):
        return name
    selector = max(fitting, key=lambda f: len(f.name))
    return f"{name}[{selector.name}={selector.value}]"


def with_feature(settings: CameraSettings, shown: Sequence[FeatureInfo], name: str, text: str) -> CameraSettings:
    """Return settings with one feature changed.

    Parameters
    ----------
    shown
        The features as the camera has them now.
    text
        The value as a person wrote it.

    Raises
    ------
    FeatureError
        The value is none of this feature.
    """
    changes: dict[str, object] = {}
    options: dict[str, Option] = {k: v for k, v in settings.options.items() if k != name}
    if name == "AcquisitionLineRate":
        changes["line_rate"] = _number(name, text) or None
    elif name == "Height":
        changes["height"] = round(_number(name, text))
    elif name == "PixelFormat":
        board = board_format(layout_of(text))
        changes["pixel_format"] = board
        options.pop("pixel_format", None)
        if text != board.value:
            options["pixel_format"] = text
    else:
        key = qualified(name, shown)
        options.pop(key, None)
        options[key] = guessed(text.strip())
    try:
        return CameraSettings.model_validate(settings.model_dump() | {"options": options} | changes)
    except ValueError as error:
        raise FeatureError(f"{name} = {text} is refused.", "Give a value within the limits.") from error


def for_creation(settings: CameraSettings) -> CameraSettings:
    """Return what a camera object is made with: only options that nobody edits while it is open.

    All options are handed over with each configuration; one that the object had kept could not be taken back.
    """
    edited = (*SPOILERS, "pixel_format")
    kept = {k: v for k, v in settings.options.items() if not k[:1].isupper() and k not in edited}
    # A folder of images goes round: one wants to look at it for as long as it takes.
    return settings.model_copy(update={"options": {"repeat": True} | kept})


def without_spoilers(settings: CameraSettings) -> CameraSettings:
    """Return the settings that a flat field is captured with."""
    return settings.model_copy(update={"options": {k: v for k, v in settings.options.items() if k not in SPOILERS}})


def with_flat_field(settings: CameraSettings, file: str) -> CameraSettings:
    """Return settings that use a flat field."""
    return settings.model_copy(update={"options": settings.options | {FLAT_FIELD: file}})


def _number(name: str, text: str) -> float:
    value = guessed(text.strip())
    if isinstance(value, bool | str) or not math.isfinite(value) or value < 0:
        raise FeatureError(f"{name} = {text} is refused.", "Give a value within the limits.")
    return float(value)
