"""Which of a folder's pictures are boards, and which are the golden boards beside them."""

from __future__ import annotations

from pathlib import Path

from aoi_app.inference.calibration import golden_beside, image_files, is_golden


def test_golden_boards_are_known_by_both_kinds_of_names(tmp_path: Path) -> None:
    for name in ("a.png", "a.golden.png", "b_test.png", "b_temp.png", "c_temp.png", "d_test.png"):
        (tmp_path / name).touch()
    boards = [path for path in image_files([tmp_path]) if not is_golden(path)]
    # c_temp has no scan that it is the golden board of: it is a board
    assert [path.name for path in boards] == ["a.png", "b_test.png", "c_temp.png", "d_test.png"]
    golden = [golden_beside(path) for path in boards]
    assert [path.name if path else "" for path in golden] == ["a.golden.png", "b_temp.png", "", ""]
