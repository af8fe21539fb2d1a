"""Names that nobody expects survive every layout, or are refused in words; files that anyone may edit are doubted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aoi_app.boards import BARE_CODES
from aoi_app.training.corpus import DataError
from aoi_app.training.data.dataset import Annotation, Dataset, Fault, Sample
from aoi_app.training.data.layouts.plain_yaml import parse, quoted
from aoi_app.training.data.layouts.reading import safe_name
from aoi_app.training.data.layouts.table import LAYOUTS, read_dataset

ODD = ("0\r", "\r", "a\nb", "a\r\nb", " a ", "\ta", 'say "a"', "a,b", "a;b", "\ufeffa", "a\x85b", "a\u2028b", "a\x1cb",
       "'", "#1", "=1+1", "\\", "板 7", "\U0001f600", "val", "con")  # fmt: skip

WITH_CLASSES_OF_ITS_OWN = ("yolo", "coco", "history")


def picture(board: str = "b", code: str = "open", **more: Any) -> Sample:
    return Sample("one", np.zeros((48, 64), np.uint8), (Annotation(code, (4, 5, 20, 30)),), board, **more)


def there_and_back(name: str, dataset: Dataset, root: Path) -> Dataset:
    LAYOUTS[name].write(dataset, root, lambda: None)
    return LAYOUTS[name].read(root).require_sound()


@pytest.mark.parametrize("board", ODD)
@pytest.mark.parametrize("name", list(LAYOUTS))
def test_an_odd_board_name_survives(tmp_path: Path, name: str, board: str) -> None:
    sample = there_and_back(name, Dataset(BARE_CODES, (picture(board),)), tmp_path / "set").samples[0]
    assert sample.labels[0].defect_code == "open"
    # DeepPCB's layout has no words for a board but its folder's name
    assert sample.board.startswith(safe_name(board)) if name == "deeppcb" else sample.board == board


@pytest.mark.parametrize("code", ODD)
@pytest.mark.parametrize("name", WITH_CLASSES_OF_ITS_OWN)
def test_an_odd_class_name_survives(tmp_path: Path, name: str, code: str) -> None:
    back = there_and_back(name, Dataset((code, "open"), (picture("b", code),)), tmp_path / "set")
    assert back.samples[0].labels[0].defect_code == code


@pytest.mark.parametrize("code", ["a b", "a,b", "a\u2028b", "7"])
def test_deeppcb_refuses_a_class_that_its_lines_have_no_room_for(tmp_path: Path, code: str) -> None:
    with pytest.raises(DataError, match="cannot be written in this layout"):
        LAYOUTS["deeppcb"].write(Dataset((code,), (picture("b", code),)), tmp_path / "set", lambda: None)


@given(st.text(min_size=1))
@example("0\r")
@example("a\u2028'\"\\ # b")
def test_any_name_survives_the_description_on_one_line(name: str) -> None:
    assert len(quoted(name).splitlines()) == 1
    assert parse(f"names:\n  0: {quoted(name)}\n", Path("x"))["names"] == {"0": name}


@given(st.text(max_size=400))
@example("x" * 300)
@example("板" * 200)
@example("nul.png")
def test_a_file_name_is_one_that_every_system_takes(text: str) -> None:
    name = safe_name(text)
    assert 0 < len(name.encode()) <= 201 and not set(name) & set('/\\:*?"<>|\0\r\n') and not name.endswith(".")
    assert name.partition(".")[0].upper() not in ("CON", "NUL", "COM1")


def test_an_apostrophe_in_a_plain_name_begins_no_quote() -> None:
    assert parse("names:\n  0: mouse's bite # a comment\n", Path("x"))["names"] == {"0": "mouse's bite"}


@pytest.mark.parametrize("name", WITH_CLASSES_OF_ITS_OWN)
def test_a_board_whose_folder_was_named_in_no_unicode_is_refused_in_words(tmp_path: Path, name: str) -> None:
    board = b"b\xf6ard".decode("utf-8", "surrogateescape")
    try:
        back = there_and_back(name, Dataset(BARE_CODES, (picture(board),)), tmp_path / "set")
    except DataError as refused:
        assert "Unicode" in refused.what
    else:
        assert back.boards == (board,)


@pytest.mark.parametrize(
    ("text", "tells"),
    [
        ("image;board\none.png;b\n", "not with image,board"),
        ("", "not with image,board"),
        ("image,board\none.png\n", "does not name an image and its board"),
        ("image,board\none.png,b,c\n", "does not name an image and its board"),
        ("image,board\n../one.png,b\n", "does not name an image and its board"),
        ("image,board\ntrain/one.png,b\ntrain/one.png,c\n", "of two boards"),
        ('image,board\n"' + "x" * 200_000, "field limit"),
        ("image,board\none.png,b\xf6\n".encode("latin-1"), "cannot be read"),
    ],
)
def test_a_broken_table_of_boards_is_told(tmp_path: Path, text: str | bytes, tells: str) -> None:
    root = tmp_path / "set"
    LAYOUTS["yolo"].write(Dataset(BARE_CODES, (picture(),)), root, lambda: None)
    (root / "boards.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    found = read_dataset(root).problems
    assert [p.fault for p in found] == [Fault.UNREADABLE_LABEL] and tells in found[0].what


def test_a_table_of_boards_that_a_spreadsheet_saved_is_read(tmp_path: Path) -> None:
    root = tmp_path / "set"
    LAYOUTS["yolo"].write(Dataset(BARE_CODES, (picture(),)), root, lambda: None)
    (root / "boards.csv").write_bytes("\ufeffimage,board\r\ntrain/one.png,板 7\r\n\r\n".encode())
    assert read_dataset(root).require_sound().boards == ("板 7",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.sampled_from(["", "one", "a\0b", "x" * 5000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2),
    max_leaves=4,
)


def spoiled(content: Any, path: list[Any], value: Any) -> Any:
    """Return `content` with the value at `path` replaced."""
    if not path:
        return value
    head, *rest = path
    if isinstance(content, dict):
        return {**content, head: spoiled(content.get(head), rest, value)}
    return [spoiled(item, rest, value) if at == head else item for at, item in enumerate(content)]


COCO_PLACES = [
    ["images"], ["annotations"], ["categories"], ["images", 0], ["annotations", 0], ["categories", 0],
    *(["images", 0, key] for key in ("id", "file_name", "width", "height", "board", "golden_file_name")),
    *(["annotations", 0, key] for key in ("id", "image_id", "category_id", "bbox")),
    *(["categories", 0, key] for key in ("id", "name")),
]  # fmt: skip
HISTORY_PLACES = [
    [], ["board"], ["image"], ["golden"], ["defects"], ["defects", 0],
    *(["defects", 0, key] for key in ("class", "box", "verification", "crop", "crop_box")),
]  # fmt: skip


@given(place=st.sampled_from(COCO_PLACES), value=JSON)
@example(place=["annotations", 0, "category_id"], value=[])
@example(place=["images", 0, "file_name"], value="x" * 5000)
@settings(max_examples=60, deadline=None)
def test_a_coco_file_with_anything_in_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: list[Any], value: Any
) -> None:
    root = tmp_path_factory.mktemp("coco") / "set"
    sample = picture(golden=np.zeros((48, 64), np.uint8), split="train")
    LAYOUTS["coco"].write(Dataset(BARE_CODES, (sample,)), root, lambda: None)
    file = root / "annotations" / "train.json"
    file.write_text(json.dumps(spoiled(json.loads(file.read_text()), place, value)))
    refused_or_sound(root)


@given(place=st.sampled_from(HISTORY_PLACES), value=JSON, crops=st.booleans())
@example(place=["image"], value="a\0b", crops=False)
@example(place=["image"], value="x" * 5000, crops=False)
@example(place=["golden"], value="a\0b", crops=False)
@example(place=["defects", 0, "verification"], value=[], crops=False)
@settings(max_examples=60, deadline=None)
def test_a_history_line_with_anything_in_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: list[Any], value: Any, crops: bool
) -> None:
    root = tmp_path_factory.mktemp("history") / "set"
    LAYOUTS["history"].write(Dataset(BARE_CODES, (picture(golden=np.zeros((48, 64), np.uint8)),)), root, lambda: None)
    row = json.loads((root / "history.jsonl").read_text())
    if crops:
        row["defects"][0].update(crop=row["image"], crop_box=[0, 0, 64, 48])
        row["image"] = None
    (root / "history.jsonl").write_text(json.dumps(spoiled(row, place, value)) + "\n")
    refused_or_sound(root)


def refused_or_sound(root: Path) -> None:
    """What a reader lets through has labels within pictures that are there; all else is a finding or a DataError."""
    try:
        dataset = read_dataset(root)
    except DataError:
        return
    for sample in dataset.samples:
        height, width = sample.pixels().shape[:2]
        for a in sample.labels:
            assert a.defect_code in dataset.classes
            assert 0 <= a.box[0] < a.box[2] <= width and 0 <= a.box[1] < a.box[3] <= height
        sample.golden_pixels()
