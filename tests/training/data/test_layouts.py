"""Every layout gives back what was written, and says what is wrong with a file instead of failing or guessing."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi_app.boards import BARE_CODES
from aoi_app.training.corpus import DataError
from aoi_app.training.data.dataset import Annotation, Dataset, Fault, Sample
from aoi_app.training.data.layouts.plain_yaml import parse, quoted
from aoi_app.training.data.layouts.table import LAYOUTS, layout_of, read_dataset
from aoi_app.training.data.split import split_by_board


def by_name(dataset: Dataset) -> dict[str, Sample]:
    return {s.name: s for s in dataset.samples}


def same_boxes(one: Sample, other: Sample, within: float) -> bool:
    def ordered(sample: Sample) -> list[Annotation]:
        return sorted(sample.labels, key=lambda a: (a.defect_code, [round(v, 2) for v in a.box]))

    pairs = list(zip(ordered(one), ordered(other), strict=True))
    return all(a.defect_code == b.defect_code and np.allclose(a.box, b.box, atol=within) for a, b in pairs)


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_what_is_written_is_found_out_and_read_back(drawn: Dataset, tmp_path: Path, name: str) -> None:
    dataset = split_by_board(drawn, {"train": 0.7, "val": 0.3})
    steps = []
    LAYOUTS[name].write(dataset, tmp_path / "set", lambda: steps.append(1))
    assert len(steps) == len(dataset)
    assert layout_of(tmp_path / "set") is LAYOUTS[name]
    back = read_dataset(tmp_path / "set").require_sound()
    # an export knows only the classes that occur in it
    assert set(back.classes) == set(dataset.classes) or (name == "history" and set(back.classes) < set(dataset.classes))
    assert by_name(back).keys() >= by_name(dataset).keys() or name == "history"
    for sample in dataset.samples:
        other = next(s for s in back.samples if s.board == sample.board)
        assert same_boxes(sample, other, 0.01)
        assert np.array_equal(sample.pixels(), other.pixels())
        golden, other_golden = sample.golden_pixels(), other.golden_pixels()
        assert golden is not None and other_golden is not None and np.array_equal(golden, other_golden)
        assert other.split == ("" if name == "history" else sample.split)
        assert other.size() == sample.size()


@pytest.mark.parametrize("name", list(LAYOUTS))
@given(
    boxes=st.lists(
        st.tuples(
            st.integers(0, 50), st.integers(0, 40), st.integers(1, 14), st.integers(1, 8), st.sampled_from(BARE_CODES)
        ),
        max_size=5,
    ),
    board=st.text(min_size=1, max_size=12).filter(lambda t: t.strip() and "\0" not in t),
)
@settings(max_examples=15, deadline=None)
def test_boxes_and_board_names_survive_every_layout(
    tmp_path_factory: pytest.TempPathFactory, name: str, boxes: list[tuple[int, int, int, int, str]], board: str
) -> None:
    labels = tuple(Annotation(code, (x, y, x + w, y + h)) for x, y, w, h, code in boxes)
    sample = Sample("one", np.zeros((48, 64), np.uint8), labels, board)
    root = tmp_path_factory.mktemp("round") / "set"
    LAYOUTS[name].write(Dataset(BARE_CODES, (sample,)), root, lambda: None)
    back = LAYOUTS[name].read(root)
    assert not [p for p in back.problems if p.fatal]
    assert same_boxes(sample, back.samples[0], 0.01)
    assert {s.board for s in back.samples} == {board} or name == "deeppcb"


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_nothing_is_written_over_anything(drawn: Dataset, tmp_path: Path, name: str) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(DataError, match="not empty"):
        LAYOUTS[name].write(drawn, tmp_path, lambda: None)


@pytest.mark.parametrize("written", ["deeppcb"], indirect=True)
@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("one,2,30,40,open", Fault.UNREADABLE_LABEL),
        ("1,2,nan,40,open", Fault.UNREADABLE_LABEL),
        ("1,2,30,open", Fault.UNREADABLE_LABEL),
        ("1,2,30,40,scratch extra", Fault.UNREADABLE_LABEL),
        ("1 2 30 40 9", Fault.UNKNOWN_CLASS),
        ("150,2,999,40,open", Fault.OUTSIDE_IMAGE),
        ("-20,2,30,40,open", Fault.OUTSIDE_IMAGE),
        ("30,2,30,40,open", Fault.ZERO_AREA),
        ("40,2,30,40,open", Fault.ZERO_AREA),
    ],
)
def test_a_broken_deeppcb_label_is_found_and_the_rest_is_kept(written: Path, line: str, fault: Fault) -> None:
    sound = read_dataset(written)
    file = next(written.rglob("*.txt"))
    file.write_text(file.read_text() + line + "\n")
    dataset = read_dataset(written)
    assert [p.fault for p in dataset.problems] == [fault]
    assert str(file) in dataset.problems[0].where
    assert len(dataset) == len(sound)
    with pytest.raises(DataError, match="1 problems"):
        dataset.require_sound()


def test_deeppcb_as_first_published_is_read(tmp_path: Path) -> None:
    pictures, labels = tmp_path / "group00041" / "00041", tmp_path / "group00041" / "00041_not"
    pictures.mkdir(parents=True)
    labels.mkdir()
    for kind in ("test", "temp"):
        cv2.imwrite(str(pictures / f"00041000_{kind}.jpg"), np.zeros((64, 64), np.uint8))
    (labels / "00041000.txt").write_text("1 2 30 40 3\n5 6 20 21 6\n")
    sample = read_dataset(tmp_path).require_sound().samples[0]
    assert [a.defect_code for a in sample.labels] == ["mousebite", "pin-hole"]
    assert sample.board == "group00041" and sample.golden is not None


@pytest.mark.parametrize("written", ["deeppcb"], indirect=True)
def test_a_picture_without_labels_or_golden_is_told(written: Path) -> None:
    label, golden = next(written.rglob("*.txt")), sorted(written.rglob("*_temp.png"))[-1]
    label.unlink()
    golden.unlink()
    problems = read_dataset(written).problems
    assert sorted(p.fatal for p in problems) == [False, True]
    assert {p.fault for p in problems} == {Fault.MISSING_FILE}


def huge_png(path: Path) -> None:
    head = struct.pack(">IIBBBBB", 2_000_000_000, 2_000_000_000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + head
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)))


@pytest.mark.parametrize("written", list(LAYOUTS), indirect=True)
@pytest.mark.parametrize("spoil", ["huge", "text", "empty"])
def test_a_picture_that_is_none_is_found_without_decoding_it(written: Path, spoil: str) -> None:
    count = len(read_dataset(written))
    image = next(p for p in sorted(written.rglob("*.png")) if "golden" not in p.parts and "_temp" not in p.name)
    if spoil == "huge":
        huge_png(image)
    else:
        image.write_bytes(b"no picture" if spoil == "text" else b"")
    dataset = read_dataset(written)
    assert [p.fault for p in dataset.problems if p.fatal] == [Fault.UNREADABLE_IMAGE]
    assert len(dataset) == count - 1


@pytest.mark.parametrize("written", ["yolo"], indirect=True)
@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("0 0.5 0.5 x 0.1", Fault.UNREADABLE_LABEL),
        ("0 0.5 0.5 0.1", Fault.UNREADABLE_LABEL),
        ("99 0.5 0.5 0.1 0.1", Fault.UNKNOWN_CLASS),
        ("0.5 0.5 0.5 0.1 0.1", Fault.UNKNOWN_CLASS),
        ("0 0.5 0.5 1.5 0.1", Fault.OUTSIDE_IMAGE),
        ("0 0.5 0.5 0 0.1", Fault.ZERO_AREA),
        ("0 0.5 0.5 -0.1 0.1", Fault.ZERO_AREA),
    ],
)
def test_a_broken_yolo_label_is_found(written: Path, line: str, fault: Fault) -> None:
    file = next((written / "labels").rglob("*.txt"))
    file.write_text(line + "\n")
    assert [p.fault for p in read_dataset(written).problems] == [fault]


@pytest.mark.parametrize("written", ["yolo"], indirect=True)
@pytest.mark.parametrize(
    "names",
    ["names: []", "names: [a, a]", "names: {0: a, 2: b}", "nc: 2", "names: &x [a]", "names:\n  deep:\n    a: b"],
)
def test_a_yolo_description_without_class_names_is_refused(written: Path, names: str) -> None:
    (written / "data.yaml").write_text(names + "\n")
    with pytest.raises(DataError):
        read_dataset(written)


@pytest.mark.parametrize(
    "text",
    [
        "names: [open, 'mouse bite', \"pin-hole\"]  # three\n",
        "names:\n- open\n- mouse bite\n- 'pin-hole'\n",
        "path: ../set # here\nnames:\n  0: open\n  1: mouse bite\n  2: pin-hole\n",
        "names: {0: open, 1: 'mouse bite', 2: pin-hole}\n",
    ],
)
def test_class_names_are_read_in_the_forms_that_exporters_write(text: str) -> None:
    names = parse(text, Path("data.yaml"))["names"]
    listed = list(names.values()) if isinstance(names, dict) else names
    assert listed == ["open", "mouse bite", "pin-hole"]


@given(st.text(alphabet=st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1).filter(str.strip))
def test_any_class_name_survives_the_description(name: str) -> None:
    assert parse(f"names:\n  0: {quoted(name)}\n", Path("x"))["names"] == {"0": name}


def coco_file(root: Path) -> Path:
    return root / "annotations" / "train.json"


@pytest.mark.parametrize("written", ["coco"], indirect=True)
@pytest.mark.parametrize("name", ["../../secret.png", "/etc/passwd", "images/../../x.png", "", 7, "a\0b"])
def test_a_coco_file_name_that_leads_out_of_the_data_set_is_refused(written: Path, name: object) -> None:
    cv2.imwrite(str(written.parent.parent / "secret.png"), np.zeros((10, 10), np.uint8))
    content = json.loads(coco_file(written).read_text())
    content["images"][0]["file_name"] = name
    coco_file(written).write_text(json.dumps(content))
    dataset = read_dataset(written)
    assert Fault.UNSAFE_PATH in {p.fault for p in dataset.problems}
    assert all(isinstance(s.image, Path) and s.image.is_relative_to(written) for s in dataset.samples)


@pytest.mark.parametrize("written", ["coco"], indirect=True)
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"bbox": [1, 2, "x", 4]}, Fault.UNREADABLE_LABEL),
        ({"bbox": [1, 2, float("nan"), 4]}, Fault.UNREADABLE_LABEL),
        ({"bbox": None}, Fault.UNREADABLE_LABEL),
        ({"category_id": 77}, Fault.UNKNOWN_CLASS),
        ({"bbox": [1, 2, 5000, 4]}, Fault.OUTSIDE_IMAGE),
        ({"bbox": [1, 2, 0, 4]}, Fault.ZERO_AREA),
        ({"image_id": 555}, Fault.MISSING_FILE),
    ],
)
def test_a_broken_coco_annotation_is_found(written: Path, change: dict[str, object], fault: Fault) -> None:
    content = json.loads(coco_file(written).read_text())
    content["annotations"][0].update(change)
    coco_file(written).write_text(json.dumps(content))
    assert [p.fault for p in read_dataset(written).problems] == [fault]


def coco(root: Path, annotations: list[dict[str, object]], at: str = "annotations/instances_val2017.json") -> Dataset:
    """Return a data set of one picture of 200 x 160 px, read back."""
    file = root / at
    file.parent.mkdir(parents=True, exist_ok=True)
    home = root if file.parent.name == "annotations" else file.parent
    cv2.imwrite(str(home / "a.png"), np.zeros((160, 200), np.uint8))
    rows = [{"image_id": 1, "category_id": 7, **a} for a in annotations]
    content = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": rows, "categories": [{"id": 7, "name": "x"}]}
    file.write_bytes(json.dumps(content, indent=1).replace("\n", "\r\n").encode())
    return read_dataset(root)


def test_coco_outlines_are_boxes_and_crowds_are_none(tmp_path: Path) -> None:
    outline = [[10, 20, 30, 20, 30, 50], [25, 40, 60, 45, 40, 70]]
    crowd = {"bbox": [0, 0, 90, 90], "iscrowd": 1, "segmentation": {"counts": [1], "size": [160, 200]}}
    dataset = coco(tmp_path, [{"segmentation": outline}, crowd, {"bbox": [1, 2, 30, 40], "segmentation": outline}])
    assert [a.box for a in dataset.samples[0].labels] == [(10, 20, 60, 70), (1, 2, 31, 42)]
    assert [p.fatal for p in dataset.problems] == [False] and "crowd" in dataset.problems[0].what
    assert dataset.samples[0].split == "val"


@pytest.mark.parametrize(
    ("box", "what"), [([0.1, 0.2, 0.3, 0.2], "in shares of the image"), ([50, 50, -9, 9], "no area")]
)
def test_a_coco_box_that_is_no_size_in_pixels_is_found(tmp_path: Path, box: list[float], what: str) -> None:
    (problem,) = coco(tmp_path, [{"bbox": box}]).problems
    assert problem.fault is Fault.ZERO_AREA and what in problem.what


def test_a_coco_file_in_the_folder_of_its_split_is_found(tmp_path: Path) -> None:
    coco(tmp_path, [], "train/_annotations.coco.json")
    dataset = coco(tmp_path, [], "valid/_annotations.coco.json")
    assert [s.split for s in dataset.samples] == ["train", "val"] and len({s.name for s in dataset.samples}) == 2


def test_yolo_splits_that_hold_their_own_images_and_outlines(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        for part in ("images", "labels"):
            (tmp_path / split / part).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / split / "images" / "a.jpg"), np.zeros((100, 200), np.uint8))
        (tmp_path / split / "labels" / "a.txt").write_bytes(b"0 0.1 0.2 0.5 0.2 0.5 0.6\r\n1 0.5 0.5 0.1 0.2\r\n\r\n")
    (tmp_path / "data.yaml").write_bytes(
        b"train: ../train/images\r\nval: ../valid/images\r\n\r\nnc: 2\r\nnames: ['x', 'y']\r\n"
        b"\r\nroboflow:\r\n  workspace: w\r\n  version: 1\r\n"
    )
    dataset = read_dataset(tmp_path).require_sound()
    assert [(s.name, s.split) for s in dataset.samples] == [("a", "train"), ("a-2", "val")]
    first, second = (a.box for a in dataset.samples[0].labels)
    assert np.allclose(first, (20, 20, 100, 60)) and np.allclose(second, (90, 40, 110, 60))


def test_a_validation_folder_is_not_trained_on_whatever_it_is_called(tmp_path: Path) -> None:
    for split in ("training", "Validation"):
        (tmp_path / "images" / split).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "images" / split / f"{split}.png"), np.zeros((64, 64), np.uint8))
    (tmp_path / "data.yaml").write_text("names: [x]\n")
    assert {s.name: s.split for s in read_dataset(tmp_path).samples} == {"training": "train", "Validation": "val"}


@pytest.mark.parametrize("text", ["{", "[]", '{"images": 1}', "[" * 100_000])
def test_a_coco_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "annotations.json").write_text(text)
    with pytest.raises(DataError):
        read_dataset(tmp_path / "annotations.json")


@pytest.mark.parametrize("path", ["nowhere", "."])
def test_what_is_no_data_set_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(DataError):
        read_dataset(tmp_path / path)
