"""What a person edits of a camera, as settings of the station."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi_app.camera.introspection import FeatureInfo
from aoi_app.core.errors import FeatureError
from aoi_app.core.options import guessed
from aoi_app.core.scan import PixelFormat
from aoi_app.core.settings import CameraSettings
from aoi_app.gui.camera.draft import (
    choices_of,
    for_creation,
    qualified,
    with_feature,
    with_flat_field,
    without_spoilers,
)
from aoi_app.gui.camera.waterfall import COLUMNS, ROWS, Waterfall

SHOWN = (
    FeatureInfo("ExposureTime", "50", "us", "1 to 10000"),
    FeatureInfo("TriggerSelector", "LineStart", "", "FrameStart, LineStart"),
    FeatureInfo("TriggerMode", "On", "", "Off, On"),
    FeatureInfo("LineSelector", "Line1", "", "Line0, Line1"),
    FeatureInfo("LineStatusAll", "0"),
    FeatureInfo("ChunkModeActive", "True"),
)
START = CameraSettings(source="gige:x", options={"packet_size": 1500})


@pytest.mark.parametrize(
    ("name", "text", "field", "expected"),
    [
        ("AcquisitionLineRate", "12345.5", "line_rate", 12345.5),
        ("AcquisitionLineRate", "0", "line_rate", None),
        ("Height", "64", "height", 64),
        ("PixelFormat", "RGB8", "pixel_format", PixelFormat.RGB8),
    ],
)
def test_what_the_settings_have_a_field_for_goes_there(name: str, text: str, field: str, expected: object) -> None:
    changed = with_feature(START, SHOWN, name, text)
    assert getattr(changed, field) == expected
    assert changed.options == START.options


def test_a_deep_pixel_format_is_an_option_until_the_plain_one_is_chosen_again() -> None:
    deep = with_feature(START, SHOWN, "PixelFormat", "Mono12p")
    assert (deep.pixel_format, deep.options["pixel_format"]) == (PixelFormat.MONO8, "Mono12p")
    bayer = with_feature(deep, SHOWN, "PixelFormat", "BayerRG8")
    assert (bayer.pixel_format, bayer.options["pixel_format"]) == (PixelFormat.RGB8, "BayerRG8")
    assert with_feature(bayer, SHOWN, "PixelFormat", "Mono8") == START


def test_what_a_selector_selects_is_kept_for_each_of_its_entries() -> None:
    both = with_feature(START, SHOWN, "TriggerMode", "Off")
    other = [f if f.name != "TriggerSelector" else FeatureInfo(f.name, "FrameStart") for f in SHOWN]
    both = with_feature(both, other, "TriggerMode", "On")
    assert both.options["TriggerMode[TriggerSelector=LineStart]"] == "Off"
    assert both.options["TriggerMode[TriggerSelector=FrameStart]"] == "On"
    assert qualified("TriggerSelector", SHOWN) == "TriggerSelector"
    assert qualified("ExposureTime", SHOWN) == "ExposureTime"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Height", "0"),
        ("Height", "5000"),
        ("Height", "tall"),
        ("Height", "inf"),
        ("AcquisitionLineRate", "nan"),
        ("AcquisitionLineRate", "True"),
        ("PixelFormat", "Mono7"),
    ],
)
def test_what_cannot_be_is_refused(name: str, text: str) -> None:
    with pytest.raises(FeatureError):
        with_feature(START, SHOWN, name, text)


def test_choices_are_the_entries_of_an_enumeration_and_both_of_a_boolean() -> None:
    assert [choices_of(f) for f in SHOWN] == [
        (),
        ("FrameStart", "LineStart"),
        ("Off", "On"),
        ("Line0", "Line1"),
        (),
        ("True", "False"),
    ]


@given(st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans())
def test_a_written_value_is_read_back(value: float | bool) -> None:
    assert guessed(str(value)) == value
    assert isinstance(guessed(str(value)), type(value))


def test_the_flat_field_goes_into_the_options_and_out_of_the_capture() -> None:
    used = with_flat_field(with_feature(START, SHOWN, "ExposureTime", "40"), "field.npz")
    assert used.options["flat_field"] == "field.npz"
    assert without_spoilers(used).options == {"packet_size": 1500, "ExposureTime": 40}
    assert for_creation(used).options == {"packet_size": 1500, "repeat": True}


@given(
    st.lists(st.integers(1, 700), min_size=1, max_size=8),
    st.integers(1, 3 * COLUMNS),
    st.booleans(),
)
def test_the_picture_holds_the_newest_lines_at_a_size_for_the_screen(
    blocks: list[int], width: int, colour: bool
) -> None:
    waterfall = Waterfall()
    assert waterfall.picture() is None
    for number, lines in enumerate(blocks):
        shape = (lines, width, 3) if colour else (lines, width)
        waterfall.add(np.full(shape, number, np.uint8))
    picture = waterfall.picture()
    assert picture is not None
    assert picture.shape[0] <= ROWS and picture.shape[1] <= COLUMNS
    assert (picture[-1] == len(blocks) - 1).all()
    rows = picture.reshape(picture.shape[0], -1)[:, 0].astype(int)
    assert (np.diff(rows) >= 0).all()


def test_another_width_begins_anew() -> None:
    waterfall = Waterfall()
    waterfall.add(np.zeros((10, 64), np.uint8))
    waterfall.add(np.ones((5, 32), np.uint8))
    picture = waterfall.picture()
    assert picture is not None and picture.shape == (5, 32)
