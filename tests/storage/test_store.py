from __future__ import annotations

import cv2
import numpy as np
import pytest

from aoi_app.core.errors import DatabaseLocked
from aoi_app.core.inspection import Verdict
from aoi_app.core.protocols import ResultStore
from aoi_app.core.scan import PixelFormat
from aoi_app.storage.history import History
from aoi_app.storage.pictures import PicturePolicy
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.store import Store
from tests.storage.boards import board, changed, defects
from tests.storage.places import At


def test_store_is_a_result_store(store: Store) -> None:
    keeper: ResultStore = store
    assert keeper is store


def test_everything_comes_back(at: At, store: Store) -> None:
    inspection, end = board(1, *defects(3))
    store.record(inspection, end)
    record = History(*at).board(inspection.board_id)
    assert record is not None
    assert record.inspection == inspection
    assert record.pixel_format is PixelFormat.MONO8
    assert [d.defect for d in record.defects] == list(inspection.defects)
    assert record.row.open_defects == 3


@pytest.mark.parametrize("pixel_format", list(PixelFormat))
def test_crop_shows_the_very_pixels_of_the_board(at: At, store: Store, pixel_format: PixelFormat) -> None:
    inspection, end = board(1, *defects(2), pixel_format=pixel_format)
    store.record(inspection, end)
    record = History(*at).board(inspection.board_id)
    assert record is not None
    for row in record.defects:
        assert row.crop is not None and row.crop_box is not None
        x1, y1, x2, y2 = row.crop_box
        bx1, by1, bx2, by2 = row.defect.box
        assert x1 <= bx1 < bx2 <= x2 and y1 <= by1 < by2 <= y2
        picture = cv2.imread(str(row.crop), cv2.IMREAD_UNCHANGED)
        assert picture is not None
        shown = picture[..., ::-1] if picture.ndim == 3 else picture
        assert np.array_equal(shown, end.image[y1:y2, x1:x2])


def test_preview_has_the_shape_of_the_board(at: At, store: Store) -> None:
    inspection, end = board(1, lines=2500, width=4100)
    store.record(inspection, end)
    (row,) = History(*at).page(HistoryQuery())
    preview = cv2.imread(str(row.preview), cv2.IMREAD_UNCHANGED)
    assert preview is not None and preview.shape == (624, 1024)


def test_whole_board_is_kept_by_verdict(at: At) -> None:
    with_boards = Store(*at, policy=PicturePolicy(whole_boards=frozenset({Verdict.FAILED})))
    failed, passed = board(1, *defects(1)), board(2)
    with_boards.record(*failed)
    with_boards.record(*passed)
    with_boards.close()
    history = History(*at)
    kept, none = history.board(failed[0].board_id), history.board(passed[0].board_id)
    assert kept is not None and none is not None
    assert none.board_image is None
    picture = cv2.imread(str(kept.board_image), cv2.IMREAD_UNCHANGED)
    assert picture is not None and np.array_equal(picture, failed[1].image)


def test_a_board_without_lines_is_recorded_without_pictures(at: At, store: Store) -> None:
    inspection, end = board(1, lines=0)
    store.record(*changed((inspection, end), verdict=Verdict.ERROR, reason="160 lines are missing", engine=None))
    record = History(*at).board(inspection.board_id)
    assert record is not None and record.row.preview is None and record.inspection.engine is None
    assert record.row.verdict is Verdict.ERROR


def test_the_same_board_twice_is_one_row(at: At, store: Store) -> None:
    inspection, end = board(1, *defects(2))
    store.record(inspection, end)
    store.record(inspection, end)
    history = History(*at)
    assert history.counts(HistoryQuery()) == {Verdict.FAILED: 1}
    assert history.pareto(HistoryQuery()) == (("short", 2),)


def test_a_defect_beyond_the_board_has_no_crop(at: At, store: Store) -> None:
    found = defects(1)[0]
    outside = type(found)("short", 0.5, (9_000.0, 9_000.0, 9_010.0, 9_010.0))
    inspection, end = board(1, found, outside)
    store.record(inspection, end)
    record = History(*at).board(inspection.board_id)
    assert record is not None
    assert [d.crop is None for d in record.defects] == [False, True]


def test_only_the_first_defects_of_a_hopeless_board_have_crops(at: At) -> None:
    keeper = Store(*at, policy=PicturePolicy(max_crops=2))
    inspection, end = board(1, *defects(5))
    keeper.record(inspection, end)
    keeper.close()
    record = History(*at).board(inspection.board_id)
    assert record is not None
    assert [d.crop is not None for d in record.defects] == [True, True, False, False, False]


@pytest.mark.parametrize("name", ["../../etc/passwd", "CON", "a/b\\c:d", "板-1", ".staging", "x" * 300, "a\0b"])
def test_a_strange_board_id_stays_inside_the_archive(at: At, store: Store, name: str) -> None:
    inspection, end = board(1, *defects(1))
    store.record(*changed((inspection, end), board_id=name))
    (row,) = History(*at).page(HistoryQuery())
    assert row.preview is not None
    assert row.preview.is_file()
    assert row.preview.resolve().is_relative_to(at.folder.resolve() / "images")


def test_a_text_that_is_no_text_is_recorded_all_the_same(at: At, store: Store) -> None:
    store.record(*changed(board(1), serial="scan\udcff", reason="scan\udcff\0.png cannot be read"))
    (row,) = History(*at).page(HistoryQuery())
    assert (row.serial, row.reason) == ("scan?", "scan?.png cannot be read")


def test_a_second_station_is_refused(at: At, store: Store) -> None:
    with pytest.raises(DatabaseLocked, match=r"Another station already records in .* \(process \d+"):
        Store(*at)
    store.close()
    Store(*at).close()


def test_leftovers_of_a_crash_are_swept_at_start(at: At, store: Store) -> None:
    inspection, end = board(1, *defects(1))
    store.record(inspection, end)
    store.close()
    (row,) = History(*at).page(HistoryQuery())
    assert row.preview is not None
    day = row.preview.parent.parent
    orphan, draft = day / "board-never-recorded", at.folder / "images" / ".staging" / "x"
    for leftover in (orphan, draft):
        leftover.mkdir(parents=True)
        (leftover / "000.png").write_bytes(b"half")
    again = Store(*at)
    assert again.swept == 1
    again.close()
    assert not orphan.exists() and not draft.exists()
    assert row.preview.is_file()
