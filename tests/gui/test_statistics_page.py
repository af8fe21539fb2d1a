"""The statistics page against figures counted by hand from the same boards."""

from __future__ import annotations

import csv
import json
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QDateTime
from PySide6.QtGui import QImage

from aoi_app.core.inspection import Verdict, Verification
from aoi_app.gui.statistics.exports import EXPORTS
from aoi_app.gui.statistics.heat import LONGEST, heat_picture
from aoi_app.gui.statistics.page import StatisticsPage
from aoi_app.gui.statistics.pdf import report_document, report_html
from aoi_app.gui.statistics.pdf_chart import chart_picture
from aoi_app.gui.statistics.plots import time_ticks
from aoi_app.gui.statistics.reading import PERIODS, _golden
from aoi_app.station.golden_boards import GoldenBoards
from aoi_app.storage.alarms import Alarms
from aoi_app.storage.charts import ControlChart, p_chart, u_chart
from aoi_app.storage.database import IMAGES_FOLDER
from aoi_app.storage.goldens import keep_golden
from aoi_app.storage.history import History
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.record_settings import RecordSettings, save_record_settings
from aoi_app.storage.shifts import Shift
from aoi_app.storage.stop_rules import Alarm
from tests.gui.world import GuiWorld

WRITE = {export.suffix: export for export in EXPORTS}


def open_page(world: GuiWorld) -> StatisticsPage:
    world.show()
    world.window.show_page(3)
    page = world.window.page("statistics")
    assert isinstance(page, StatisticsPage)
    return page


def texts(page: StatisticsPage) -> list[tuple[str, str]]:
    return [(value.text(), note.text()) for value, note in page._cards]


def test_figures_stand_with_n_and_interval(world: GuiWorld) -> None:
    world.record(9)
    world.review()
    page = open_page(world)
    world.until(lambda: page.view is not None)
    history = History(world.folder)
    rows = history.page(HistoryQuery())
    records = [r for row in rows if (r := history.board(row.board_id)) is not None]
    states = [d.verification for r in records for d in r.defects if d.defect.counts]
    passed = sum(row.final_verdict is Verdict.PASSED for row in rows)
    (yielded, note), _, (dpmo, _), (false_calls, n_calls), *_ = texts(page)
    assert yielded == f"{passed / 9:.1%}"
    assert note.endswith("n = 9") and " to " in note
    rejected = states.count(Verification.DEFECT_REJECTED)
    assert false_calls == f"{rejected / len(states):.1%}"
    assert n_calls.endswith(f"n = {len(states)}")
    assert dpmo == "–"
    shown = sum(n for _, n in page.pareto._shown)
    assert shown == states.count(Verification.DEFECT_CONFIRMED)
    history.close()


def test_boards_that_come_are_counted_while_the_page_is_in_front(world: GuiWorld) -> None:
    world.record(2)
    page = open_page(world)
    world.until(lambda: page.view is not None)
    world.record(2)
    page._on_timer()
    world.until(lambda: page.view is not None and sum(page.view.figures.verdicts.values()) == 4)


def test_a_recipe_without_boards_and_no_record_are_empty_not_wrong(world: GuiWorld) -> None:
    page = open_page(world)
    world.settle()
    assert all(value in ("–", "") for value, _ in texts(page)) or page.view is not None
    assert not page._problem.isVisible() or "record" in page._problem.text()


def test_export_writes_what_is_shown(world: GuiWorld, tmp_path: Path) -> None:
    world.record(6)
    world.review()
    page = open_page(world)
    world.until(lambda: page.view is not None)
    for suffix, write in WRITE.items():
        page.export(tmp_path / f"report.{suffix}", write)
    rows = list(csv.DictReader((tmp_path / "report.csv").read_text(encoding="utf-8-sig").splitlines()))
    found = next(row for row in rows if row["name"] == "first-pass yield")
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    same = next(line for line in report["figures"] if line["name"] == "first-pass yield")
    assert float(found["value"]) == same["value"]
    assert f"{same['value']:.1%}" == texts(page)[0][0]
    pdf = (tmp_path / "report.pdf").read_bytes()
    assert pdf.startswith(b"%PDF") and pdf.rstrip().endswith(b"%%EOF")


def test_charts_on_paper_are_no_wider_than_its_text(world: GuiWorld) -> None:
    """Of 210 mm, 18 mm at each side are the page's margin and 8 mm the document's."""
    world.record(6)
    page = open_page(world)
    world.until(lambda: page.view is not None)
    assert page.view is not None
    document = report_document(page.view.figures, ())
    paper = (210 - 2 * 26) / 25.4 * 96
    document.setDocumentMargin(0)
    document.setTextWidth(paper)
    assert document.size().width() <= paper


@pytest.mark.parametrize("suffix", list(WRITE))
def test_a_report_that_cannot_be_written_is_said(world: GuiWorld, tmp_path: Path, suffix: str) -> None:
    world.record(1)
    page = open_page(world)
    world.until(lambda: page.view is not None)
    page.export(tmp_path / "missing" / f"report.{suffix}", WRITE[suffix])
    assert page._problem.isVisible()
    assert "could not be written" in page._problem.text()


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no device here is always full")
@pytest.mark.parametrize("suffix", list(WRITE))
def test_a_report_on_a_full_disk_is_said(world: GuiWorld, suffix: str) -> None:
    world.record(1)
    page = open_page(world)
    world.until(lambda: page.view is not None)
    page.export(Path("/dev/full"), WRITE[suffix])
    assert page._problem.isVisible() and "/dev/full could not be written" in page._problem.text()


def test_alarms_of_the_period_stand_in_every_export(world: GuiWorld, tmp_path: Path) -> None:
    world.record(2)
    alarms, now = Alarms(world.folder), time.time_ns() // 1000
    for what, at_us in (("2 of 20 boards passed", now), ("long ago", now - 40 * 86_400_000_000)):
        alarms.keep(Alarm("min_first_pass_yield", what, at_us))
    alarms.close()
    page = open_page(world)
    world.until(lambda: page.view is not None)
    assert page.view is not None and [a.what for a in page.view.alarms] == ["2 of 20 boards passed"]
    for suffix in ("csv", "json"):
        page.export(tmp_path / f"report.{suffix}", WRITE[suffix])
        text = (tmp_path / f"report.{suffix}").read_text(encoding="utf-8-sig")
        assert "2 of 20 boards passed" in text and "long ago" not in text
    assert "2 of 20 boards passed" in report_html(page.view.figures, page.view.alarms)


def test_the_printed_chart_marks_what_is_out_of_control(world: GuiWorld) -> None:
    calm, wild = p_chart([5] * 9, [50] * 9), p_chart([5, 5, 5, 5, 40, 5, 5, 5, 5], [50] * 9)
    start = np.arange(9, dtype=np.int64) * 3_600_000_000

    def red(chart: ControlChart) -> int:
        image = chart_picture(chart, start, percent=True).convertToFormat(QImage.Format.Format_RGB888)
        pixels = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
        rgb = pixels[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)
        return int(((rgb[..., 0] - rgb[..., 1]) > 80).sum())

    assert red(calm) == 0 < red(wild)
    empty = chart_picture(u_chart([], []), np.zeros(0, np.int64), percent=False)
    assert not empty.isNull()


@pytest.mark.parametrize("title", ["This shift", "Last shift"])
def test_shifts_are_those_of_the_plant(world: GuiWorld, title: str) -> None:
    now = datetime.now()
    begins = [(now - timedelta(hours=back)).time().replace(microsecond=0) for back in (5, 2)]
    shifts = tuple(Shift(name=str(k), begins=begin) for k, begin in enumerate(begins))
    save_record_settings(RecordSettings(shifts=shifts), world.folder)
    world.record(6, every_s=3_600.0)
    page = open_page(world)
    page.period.setCurrentIndex([p.title for p in PERIODS].index(title))
    # Boards 1 to 6 hours ago: two of this shift (1 h, just under 2 h), three of the one before.
    wanted = {"This shift": (1, 2), "Last shift": (3, 4)}[title]
    world.until(lambda: page.view is not None and sum(page.view.figures.verdicts.values()) in wanted)


def test_any_period_can_be_typed(world: GuiWorld) -> None:
    world.record(6, every_s=3_600.0)
    page = open_page(world)
    world.until(lambda: page.view is not None)
    page.period.setCurrentIndex([p.title for p in PERIODS].index("From … to …"))
    assert page.between.isVisible()
    now = QDateTime.currentDateTime()
    # Boards 1 to 6 hours ago; the later moment first, which does not matter.
    page.between.first.setDateTime(now.addSecs(-90 * 60))
    page.between.last.setDateTime(now.addSecs(-270 * 60))
    world.until(lambda: page.view is not None and sum(page.view.figures.verdicts.values()) == 3)
    assert page.view is not None
    groups = page.view.figures.subgroups
    assert len(groups.start_us) == 13 and groups.start_us[0] % 60_000_000 == 0, "181 minutes in quarters of an hour"
    page.period.setCurrentIndex(0)
    assert not page.between.isVisible()


@pytest.mark.parametrize(("days", "groups"), [(0.01, 8), (1, 24), (365, 13), (10_000, 1)])
def test_a_typed_period_has_no_more_subgroups_than_a_chart_has_room_for(days: float, groups: int) -> None:
    length = round(days * 86_400_000_000)
    assert -(-length // PERIODS[-1].width_us((0, length))) == groups <= 40


def test_the_map_is_of_one_product(world: GuiWorld) -> None:
    world.record(2, lambda k: (2, 2))
    world.station.with_recipe(lambda r: r.model_copy(update={"name": "other"}))
    world.record(2, lambda k: (2, 2))
    world.review("c")
    page = open_page(world)
    world.until(lambda: page.view is not None)
    assert page.view is not None and page.view.heat_of == "other"
    assert page.heat._heading.text().endswith("other")
    assert set(page.view.recipes) == {"default", "other"}


def test_the_map_lies_on_the_golden_board_of_the_recipe(world: GuiWorld) -> None:
    golden = np.zeros((1_280, 512), np.uint8)  # as wide as the boards here, twice as long
    golden[1_000:] = 255
    stored = keep_golden(world.folder / IMAGES_FOLDER, golden)
    recipe = world.station.recipe.model_copy(update={"golden": stored.name, "golden_sha256": stored.sha256})
    world.station.with_recipe(lambda _: world.book.save(recipe))
    world.record(2, lambda k: (1, 1))
    world.review("c")
    page = open_page(world)
    world.until(lambda: page.view is not None and page.view.heat is not None)
    assert page.view is not None and page.view.heat is not None
    heat = page.view.heat
    assert heat.shape[:2] == (LONGEST, LONGEST * 512 // 1_280)
    assert heat[5, 5].max() == 20 and heat[-5, 5].min() > 100
    (world.folder / IMAGES_FOLDER / stored.name).unlink()
    record = next(iter(History(world.folder).records(HistoryQuery())))
    services = world.services()
    lost = GoldenBoards(lambda: world.folder / IMAGES_FOLDER)
    assert _golden(record, lambda name, revision: lost.of(services.load_revision(name, revision))) is None


def test_heat_is_lightest_where_most_defects_are() -> None:
    places = np.concatenate([np.full((40, 2), (900.0, 300.0)), np.full((4, 2), (200.0, 700.0))])
    picture = heat_picture(places, np.full((100, 120), 90, np.uint8), (1_200, 1_000))
    assert picture.shape == (round(1_000 * LONGEST / 1_200), LONGEST, 3)
    grey = picture.astype(float).mean(axis=2)
    factor = LONGEST / 1_200
    y, x = np.unravel_index(grey.argmax(), grey.shape)
    assert abs(x - 900 * factor) < 8 and abs(y - 300 * factor) < 8
    assert grey[round(700 * factor), round(200 * factor)] > grey[10, 10]


def test_places_beyond_the_board_are_left_out() -> None:
    places = np.array([[-5.0, 10.0], [50.0, 5_000.0], [50.0, 50.0]])
    assert heat_picture(places, None, (100, 100)).shape == (LONGEST, LONGEST, 3)
    assert heat_picture(np.zeros((0, 2)), None, (100, 100)).max() <= 70


def test_time_ticks_name_days_when_the_period_is_long() -> None:
    hour = 3_600_000_000
    day = [k * 24 * hour for k in range(30)]
    assert len(time_ticks(day)) <= 6
    assert all("-" in text for _, text in time_ticks(day))
    assert all(":" in text for _, text in time_ticks([k * hour for k in range(24)]))
    assert time_ticks([]) == []
