"""The station's own history as a data set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from aoi_app.training.data.dataset import Fault
from aoi_app.training.data.layouts.table import read_dataset


def defect(code: str, box: list[float], verification: str, **more: Any) -> dict[str, Any]:
    return {"class": code, "box": box, "verification": verification, "crop": None, "crop_box": None, **more}


def export(root: Path, *rows: dict[str, Any] | str) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    (root / "history.jsonl").write_text("\n".join(lines) + "\n")
    cv2.imwrite(str(root / "board.png"), np.full((80, 100), 90, np.uint8))
    cv2.imwrite(str(root / "crop.png"), np.full((30, 40), 90, np.uint8))
    return root


def test_confirmed_defects_are_labels_and_rejected_calls_are_not(tmp_path: Path) -> None:
    row = {
        "board": "B1",
        "image": "board.png",
        "defects": [
            defect("short", [10, 10, 20, 20], "DefectConfirmed"),
            defect("open", [30, 30, 40, 45], "DefectRepaired"),
            defect("spur", [50, 50, 60, 60], "DefectRejected"),
        ],
    }
    sample = read_dataset(export(tmp_path, row)).require_sound().samples[0]
    assert [(a.defect_code, a.box) for a in sample.labels] == [
        ("short", (10, 10, 20, 20)),
        ("open", (30, 30, 40, 45)),
    ]


def test_a_board_that_nobody_verified_is_left_out_with_a_note(tmp_path: Path) -> None:
    row = {"board": "B1", "image": "board.png", "defects": [defect("short", [1, 1, 9, 9], "NotVerifiedYet")]}
    dataset = read_dataset(export(tmp_path, row))
    assert not dataset.samples
    assert [(p.fault, p.fatal) for p in dataset.problems] == [(Fault.NOT_VERIFIED, False)]


def test_where_only_crops_were_kept_boxes_move_into_them(tmp_path: Path) -> None:
    place = {"crop": str(tmp_path / "crop.png"), "crop_box": [200, 100, 240, 130]}
    row = {
        "board": "B2",
        "image": None,
        "defects": [
            defect("short", [210, 105, 220, 115], "DefectConfirmed", **place),
            defect("open", [230, 120, 260, 140], "DefectConfirmed"),
            defect("spur", [900, 900, 910, 910], "NotVerifiedYet"),
        ],
    }
    sample = read_dataset(export(tmp_path, row)).require_sound().samples[0]
    assert sample.board == "B2" and sample.size() == (40, 30)
    assert [(a.defect_code, a.box) for a in sample.labels] == [("short", (10, 5, 20, 15)), ("open", (30, 20, 40, 30))]


def test_a_good_board_with_its_picture_is_a_sample_without_labels(tmp_path: Path) -> None:
    dataset = read_dataset(export(tmp_path, {"board": "G", "image": "board.png", "defects": []}))
    assert dataset.samples[0].labels == ()


@pytest.mark.parametrize(
    "row",
    [
        "{broken",
        "[1, 2]",
        {"board": 5, "image": None, "defects": []},
        {"board": "B", "image": None},
        {"board": "B", "image": "board.png", "defects": [defect("short", [1, 2, 3], "DefectConfirmed")]},
        {"board": "B", "image": "board.png", "defects": [defect("short", [1, 2, 3, 4], "Sure")]},
        {"board": "B", "image": "board.png", "defects": ["short"]},
    ],
)
def test_a_line_that_is_no_board_is_found_and_the_others_are_read(tmp_path: Path, row: dict[str, Any] | str) -> None:
    good = {"board": "G", "image": "board.png", "defects": []}
    dataset = read_dataset(export(tmp_path, row, good))
    assert [p.fault for p in dataset.problems] == [Fault.UNREADABLE_LABEL]
    assert "history.jsonl:1" in dataset.problems[0].where
    assert [s.board for s in dataset.samples] == ["G"]


GOLDEN = np.add.outer(np.arange(120), np.arange(160)).astype(np.uint8)
"""The golden board; the scan shows it 3 px further right and 2 px lower."""
SHIFT = [1, 0, 3, 0, 1, 2]


@pytest.mark.parametrize("registration", [SHIFT, None])
def test_the_golden_board_lies_under_the_scan_and_its_crops(tmp_path: Path, registration: list[float] | None) -> None:
    cv2.imwrite(str(tmp_path / "golden.png"), GOLDEN)
    place = {"crop": "crop.png", "crop_box": [50, 40, 90, 70]}
    more = {"golden": "golden.png", "registration": registration}
    true_one = defect("short", [55, 45, 60, 50], "DefectConfirmed", **place)
    rows: list[dict[str, Any]] = [
        {"board": "B1", "image": "board.png", "defects": [], **more},
        {"board": "B2", "image": None, "defects": [true_one], **more},
    ]
    whole, crop = read_dataset(export(tmp_path, *rows)).require_sound().samples
    x, y = (3, 2) if registration else (0, 0)
    laid = whole.golden_pixels()
    assert laid is not None and laid.shape == (80, 100)
    assert np.array_equal(laid[y:, x:], GOLDEN[: 80 - y, : 100 - x]) and (laid[:y] == 128).all()
    under = crop.golden_pixels()
    assert under is not None and np.array_equal(under, GOLDEN[40 - y : 70 - y, 50 - x : 90 - x])


@pytest.mark.parametrize("registration", [[1, 2], "none", [1, 0, 0, 0, 1, float("nan")]])
def test_a_registration_that_is_none_is_found(tmp_path: Path, registration: object) -> None:
    cv2.imwrite(str(tmp_path / "golden.png"), GOLDEN)
    row = {"board": "B", "image": "board.png", "golden": "golden.png", "registration": registration, "defects": []}
    dataset = read_dataset(export(tmp_path, row))
    assert [p.fault for p in dataset.problems] == [Fault.UNREADABLE_LABEL]
