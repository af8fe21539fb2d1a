"""Nothing on the screen claims a result before there is one, or of a board that was not wholly inspected."""

from __future__ import annotations

from itertools import combinations

import pytest
from PySide6.QtWidgets import QLabel

from aoi_app.core.inspection import Inspection, Verdict
from aoi_app.core.recipe import ClassRule
from aoi_app.core.scan import Completeness
from aoi_app.gui.background import Background
from aoi_app.gui.history.record_dialog import RecordDialog
from aoi_app.gui.line.verdict_tile import seen_text
from aoi_app.gui.statistics.page import StatisticsPage
from aoi_app.storage.history import History
from tests.gui.world import GuiWorld

CUT_SHORT = Completeness(640, 12, ("12 lines are missing",), ((100, 12),))


def until_listed(world: GuiWorld, inspection: Inspection) -> None:
    """Wait until the board is the one whose defects are listed."""
    world.until(lambda: inspection.serial in world.window.line.heading.text())


def test_the_line_claims_no_result_before_the_first_verdict(world: GuiWorld) -> None:
    world.show()
    page = world.window.line
    claims = ("no defect", "pass", "fail", "100")

    def said() -> set[str]:
        texts = {page.defects.placeholder, page.tile.word, page.caption.text(), page.heading.text()}
        return texts | {label.text() for label in page.counters.findChildren(QLabel)} - {
            "0 fail · 0 error",
            "First-pass yield",
        }

    assert not [text for text in said() for claim in claims if claim in text.lower()]
    assert page.defects.placeholder == "No verdict yet"
    world.station.start()
    world.station.next_board((0, 0))
    world.station.scan(300)
    world.until(lambda: page.view.picture is not None and page.view.picture.lines == 300)
    assert page.defects.placeholder == "No verdict yet", "a part of a board is no board"
    assert not [text for text in said() for claim in claims if claim in text.lower()]


def test_only_a_board_that_passed_has_no_defects(world: GuiWorld) -> None:
    world.show()
    page = world.window.line
    pictures = [page.defects.grab().toImage()]
    world.station.start()
    for whole, verdict, text in (
        (None, Verdict.PASSED, "No defects"),
        (CUT_SHORT, Verdict.ERROR, "Defects not known"),
        (None, Verdict.PASSED, "No defects"),
    ):
        world.station.next_board((0, 0))
        inspection = world.station.finish(whole)
        assert inspection.verdict is verdict and not inspection.defects
        until_listed(world, inspection)
        assert page.defects.placeholder == text
        assert page.heading.text() == f"Defects found on {inspection.serial} (0)"
        pictures.append(page.defects.grab().toImage())
    assert pictures[1] == pictures[3]
    assert all(one != other for one, other in combinations(pictures[:3], 2)), "what is drawn is what is said"


def test_what_stands_for_no_defects_follows_the_language(world: GuiWorld) -> None:
    world.show()
    page = world.window.line
    world.window.set_language("zh")
    assert page.defects.placeholder == "尚无判定"
    for whole, text in ((None, "无缺陷"), (CUT_SHORT, "缺陷情况未知")):
        world.station.next_board((0, 0))
        inspection = world.station.finish(whole)
        until_listed(world, inspection)
        assert page.defects.placeholder == text


@pytest.mark.parametrize(("whole", "text"), [(None, "No defects"), (CUT_SHORT, "Defects not known")])
def test_a_record_says_so_too(world: GuiWorld, whole: Completeness | None, text: str) -> None:
    world.show()
    world.station.next_board((0, 0))
    inspection = world.station.finish(whole)
    world.write()
    history = History(world.folder)
    record = history.board(inspection.board_id)
    history.close()
    assert record is not None
    background = Background(world.window, "record")
    dialog = RecordDialog(record, background, world.window)
    assert dialog.defects.placeholder == text
    world.until(lambda: dialog.view.picture is not None)
    assert dialog.defects.placeholder == text
    background.close()


@pytest.mark.parametrize("verdict", [Verdict.ERROR, Verdict.ABORTED])
def test_the_tile_calls_no_board_free_of_defects_that_did_not_pass(world: GuiWorld, verdict: Verdict) -> None:
    world.station.next_board((0, 0))
    passed = world.station.finish()
    assert seen_text(passed) == "640 lines, no defect"
    world.station.damage(verdict, "")  # a reason is not recorded of every board
    damaged = world.station.status().last
    assert damaged is not None and seen_text(damaged) == "640 lines"


def test_a_board_that_passed_with_tolerated_defects_is_not_called_free_of_them(world: GuiWorld) -> None:
    names = ("open", "short", "mousebite", "spur", "copper", "pin-hole")
    lax = {name: ClassRule(max_defects=100) for name in names}
    world.station.with_recipe(lambda recipe: recipe.model_copy(update={"rules": lax}))
    world.station.next_board((3, 3))
    passed = world.station.finish()
    assert passed.verdict is Verdict.PASSED and len(passed.defects) == 3
    assert seen_text(passed) == "640 lines, 3 tolerated by the recipe"


def test_the_map_of_defects_says_nothing_before_boards_were_counted(world: GuiWorld) -> None:
    world.show()
    world.window.show_page(3)
    page = world.window.page("statistics")
    assert isinstance(page, StatisticsPage)
    assert page.view is None and page.heat._map.placeholder == ""
    world.until(lambda: page.view is not None)
    assert page.heat._map.placeholder == "No board in this period"
    world.record(2, lambda _: (0, 0))
    page.count()
    world.until(lambda: page.heat._map.placeholder == "No confirmed defect in this period")
