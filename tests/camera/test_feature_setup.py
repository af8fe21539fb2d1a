"""Setting up cameras whose features have old names, locked entries, or none of what one wants."""

from __future__ import annotations

import pytest

from aoi_app.camera.feature_setup import CHUNKS, Value, encoder_divider, set_up
from aoi_app.core.errors import FeatureError
from aoi_app.core.protocols import AcquisitionConfig
from aoi_app.core.scan import PixelFormat

SFNC: dict[str, Value] = {
    "PixelFormat": "Mono8", "Width": 512, "WidthMax": 4_096, "Height": 64, "OffsetX": 8, "ExposureTime": 50.0,
    "Gain": 0.0, "AcquisitionLineRate": 1_000.0, "AcquisitionMode": "Continuous",
}  # fmt: skip
OLD: dict[str, Value] = {
    "PixelFormat": "Mono8", "Width": 512, "Height": 64, "ExposureTimeAbs": 50.0, "AcquisitionFrameRateEnable": False,
    "AcquisitionFrameRateAbs": 10.0,
}  # fmt: skip
CONFIG = AcquisitionConfig(height=64, acquisition_line_rate=6_400.0, exposure_time_us=20.0)


class Camera:
    """Features in a dictionary; those of a selector under `Name[Entry]`."""

    def __init__(self, values: dict[str, Value], entries: dict[str, tuple[str, ...]] | None = None) -> None:
        self.values = dict(values)
        self._entries = {"PixelFormat": ("Mono8", "Mono12"), **(entries or {})}

    def _key(self, name: str) -> str:
        for selector in ("TriggerSelector", "ChunkSelector"):
            key = f"{name}[{self.values.get(selector)}]"
            if key in self.values:
                return key
        return name

    def has(self, name: str) -> bool:
        return self._key(name) in self.values

    def get(self, name: str) -> Value:
        return self.values[self._key(name)]

    def set(self, name: str, value: Value) -> None:
        if not self.has(name) or (name in self._entries and value not in self._entries[name]):
            raise FeatureError(f"{name} = {value} is refused.")
        self.values[self._key(name)] = value

    def number(self, name: str) -> float | None:
        return float(self.get(name)) if self.has(name) else None

    def entries(self, name: str) -> tuple[str, ...]:
        return self._entries.get(name, ()) if self.has(name) else ()


def test_sfnc_names_are_set_and_read_back() -> None:
    camera = Camera(SFNC)
    made = set_up(camera, CONFIG, {"pixel_format": "Mono12", "Gain": 3.0, "buffers": 9})
    assert made.pixel_format == "Mono12" and made.encoder_divider == 1
    assert made.applied.pixel_format is PixelFormat.MONO8 and made.applied.gain_db == 3.0
    assert (made.applied.acquisition_line_rate, made.applied.exposure_time_us) == (6_400.0, 20.0)


def test_without_a_width_the_whole_sensor_is_taken_whatever_was_left_there() -> None:
    camera = Camera(SFNC)
    assert set_up(camera, CONFIG, {}).applied.width == 4_096 and camera.values["OffsetX"] == 0


def test_an_old_area_scan_camera_makes_the_lines_by_its_frame_rate() -> None:
    camera = Camera(OLD, {"PixelFormat": ("Mono8", "RGB8Packed")})
    made = set_up(camera, CONFIG, {"pixel_format": "RGB8"})
    assert camera.values["AcquisitionFrameRateAbs"] == 100.0 and camera.values["AcquisitionFrameRateEnable"] is True
    assert camera.values["PixelFormat"] == "RGB8Packed" and made.applied.pixel_format is PixelFormat.RGB8
    assert made.applied.acquisition_line_rate == 6_400.0


def test_an_option_that_the_camera_does_not_have_is_refused() -> None:
    with pytest.raises(FeatureError, match="Teapot"):
        set_up(Camera(SFNC), CONFIG, {"Teapot": 1})


def test_chunks_that_are_offered_are_switched_on_and_no_others() -> None:
    names = [name.removeprefix("Chunk") for name in CHUNKS.values()]
    values = SFNC | {"ChunkSelector": "Gain", "ChunkModeActive": False}
    values |= {f"ChunkEnable[{entry}]": False for entry in ("Gain", *names[:2])}
    camera = Camera(values, {"ChunkSelector": ("Gain", *names[:2])})
    set_up(camera, CONFIG, {})
    assert camera.values["ChunkModeActive"] is True
    assert [camera.values[f"ChunkEnable[{entry}]"] for entry in ("Gain", *names[:2])] == [False, True, True]


@pytest.mark.parametrize(("mode", "divider"), [("On", 4.0), ("Off", 0.0)])
def test_the_encoder_counts_only_where_it_triggers_the_lines(mode: str, divider: float) -> None:
    values = SFNC | {"TriggerSelector": "FrameStart", "TriggerMode[FrameStart]": "Off", "EncoderDivider": 4}
    camera = Camera(values | {"TriggerMode[LineStart]": mode}, {"TriggerSelector": ("FrameStart", "LineStart")})
    assert encoder_divider(camera) == divider
    assert camera.values["TriggerSelector"] == "FrameStart"


@pytest.mark.parametrize(
    ("changes", "rests"),
    [
        ({}, False),
        ({"TriggerMode[FrameStart]": "On"}, True),
        ({"TriggerMode[LineStart]": "On"}, True),
        ({"TriggerSelector": None}, True),
        ({"AcquisitionLineRate": None}, True),
    ],
)
def test_only_a_camera_whose_triggers_are_off_must_never_be_silent(
    changes: dict[str, Value | None], rests: bool
) -> None:
    values = SFNC | {f"TriggerMode[{entry}]": "Off" for entry in ("FrameStart", "LineStart")}
    values |= {"TriggerSelector": "FrameStart", **changes}  # type: ignore[dict-item]
    camera = Camera(
        {name: value for name, value in values.items() if value is not None},
        {"TriggerSelector": ("FrameStart", "LineStart", "Reserved")},
    )
    assert set_up(camera, CONFIG, {}).rests is rests
    assert camera.values.get("TriggerSelector", "FrameStart") == "FrameStart"


@pytest.mark.parametrize(("options", "direction"), [({}, "Reverse"), ({"transport": "forward"}, "Forward")])
def test_a_tdi_sensor_is_told_from_which_side_boards_come(options: dict[str, Value], direction: str) -> None:
    camera = Camera(SFNC | {"ScanDirection": "Reverse"}, {"ScanDirection": ("Forward", "Reverse")})
    set_up(camera, CONFIG, options)
    assert camera.values["ScanDirection"] == direction
    set_up(camera, CONFIG, {"transport": "reverse"})
    assert camera.values["ScanDirection"] == "Reverse"
