"""The recipe follows the board's code: on the running line, with every way it can go wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pytest

from aoi_app.boards.codes import draw_code, read_codes
from aoi_app.core.changeover import Changeover, UnknownProduct
from aoi_app.core.inspection import Verdict
from aoi_app.core.recipe import ClassRule, Recipe, Region
from aoi_app.core.scan import BoardScan, PixelFormat, Pixels
from aoi_app.core.settings import ChangeoverSettings, Settings
from aoi_app.station.changeover import MARGIN_PX, ByBarcode, BySerial, Chosen
from aoi_app.station.station import Station
from aoi_app.station.status import EventKind, State
from tests.station.conftest import WIDTH, World, wait_until

pytest.importorskip("zxingcpp", reason="bar codes need the extra `barcode`")


def recipe(name: str, pattern: str, model: str = "", **changes: object) -> Recipe:
    return Recipe(
        name=name, revision=1, width_px=WIDTH, model=model, changeover=Changeover(pattern=pattern)
    ).model_copy(update=changes)


EVEN = recipe("even", r"B\d*[02468]", "one.onnx")
ODD = recipe("odd", r"B\d*[13579]", "two.onnx", default_rule=ClassRule(enabled=False))


class Line:
    """A station whose boards are called B0000, B0001, ..."""

    def __init__(self, world: World, book: list[Recipe], unknown: str = "error") -> None:
        self.notes: list[tuple[str, str, Mapping[str, str]]] = []
        self.book = book
        parts = replace(
            world.parts(),
            changeover=lambda settings: BySerial(lambda: self.book) if settings.changeover.by == "serial" else None,
            note=lambda *what: self.notes.append(what),
        )
        settings = Settings(
            precision="fp32", changeover=ChangeoverSettings.model_validate({"by": "serial", "unknown": unknown})
        )
        self.station = Station(parts, settings, recipe("first", ""))


@pytest.fixture
def opened() -> Iterator[list[Station]]:
    stations: list[Station] = []
    yield stations
    for station in stations:
        station.close()


def test_each_board_gets_its_own_recipe_and_engine(world: World, opened: list[Station]) -> None:
    line = Line(world, [EVEN, ODD])
    opened.append(line.station)
    world.boards = 8
    line.station.start()
    wait_until(lambda: len(world.recorded) == 8)
    assert [i.recipe for i in world.recorded] == ["even", "odd"] * 4
    assert [i.engine.model for i in world.recorded if i.engine] == ["one.onnx", "two.onnx"] * 4
    # The recipe's own limits judge: on odd boards nothing counts.
    assert all(i.verdict is Verdict.PASSED for i in world.recorded[1::2])
    assert [i.verdict for i in world.recorded[0::2]] == [Verdict.PASSED, *[Verdict.FAILED] * 2, Verdict.PASSED]
    wait_until(lambda: len(line.notes) == 8)
    assert line.notes[0] == (
        "changeover", "recipe even, revision 1", {"code": "B0000", "before": "recipe first, revision 1"}
    )  # fmt: skip
    said = [e.what for e in line.station.events(0) if e.kind is EventKind.CHANGEOVER]
    assert said[1] == "Changeover to recipe odd, revision 1: code B0001."
    assert line.station.status().recipe == "odd"


def test_a_board_of_no_recipe_is_an_error_and_the_next_one_goes_on(world: World, opened: list[Station]) -> None:
    line = Line(world, [EVEN])
    opened.append(line.station)
    world.boards = 4
    line.station.start()
    wait_until(lambda: len(world.recorded) == 4)
    assert [i.recipe for i in world.recorded] == ["even", "no recipe", "even", "no recipe"]
    odd = world.recorded[1]
    assert odd.verdict is Verdict.ERROR
    assert odd.reason == "The code 'B0001' belongs to no recipe"
    assert line.station.status().state is State.RUNNING


def test_a_board_of_no_recipe_may_stop_the_line(world: World, opened: list[Station]) -> None:
    line = Line(world, [EVEN], unknown="stop")
    opened.append(line.station)
    world.boards, world.block_s = 50, 0.005
    line.station.start()
    wait_until(lambda: line.station.status().state is State.FAULT)
    assert "B0001" in line.station.status().fault
    wait_until(lambda: line.station.status().record_queue == 0)
    assert {i.verdict for i in world.recorded if i.recipe == "no recipe"} == {Verdict.ERROR}
    assert len(world.recorded) < 10


def test_two_recipes_for_one_code_are_never_guessed_between(world: World, opened: list[Station]) -> None:
    line = Line(world, [EVEN, EVEN.model_copy(update={"name": "twin"})])
    opened.append(line.station)
    world.boards = 1
    line.station.start()
    wait_until(lambda: len(world.recorded) == 1)
    assert "2 recipes of priority 0: even, twin" in world.recorded[0].reason


def test_an_engine_that_cannot_be_made_ready_is_an_error_not_the_old_one(world: World, opened: list[Station]) -> None:
    make = world.make

    def refuse(spec: object, progress: object) -> object:
        if getattr(spec, "model", "") == "two.onnx":
            raise RuntimeError("it does not load")
        return make(spec, progress)  # type: ignore[arg-type]

    world.make = refuse  # type: ignore[assignment,method-assign]
    line = Line(world, [EVEN, ODD])
    opened.append(line.station)
    world.boards = 3
    line.station.start()
    wait_until(lambda: len(world.recorded) == 3)
    assert [i.verdict for i in world.recorded] == [Verdict.PASSED, Verdict.ERROR, Verdict.FAILED]
    assert "engine of recipe odd" in world.recorded[1].reason


def test_a_recipe_of_another_width_judges_its_board_and_the_camera_follows(world: World, opened: list[Station]) -> None:
    line = Line(world, [EVEN, ODD.model_copy(update={"width_px": WIDTH - 16, "model": "one.onnx"})])
    opened.append(line.station)
    world.boards = 2
    line.station.start()
    wait_until(lambda: len(world.recorded) == 2)
    assert world.recorded[1].reason == f"the board is {WIDTH} px wide, the recipe expects {WIDTH - 16}"
    wait_until(lambda: world.opened == 2)


def test_a_newer_revision_of_the_recipe_in_force_waits_for_a_person(world: World, opened: list[Station]) -> None:
    line = Line(world, [recipe("all", ".*")])
    opened.append(line.station)
    world.boards, world.block_s = 100_000, 0.002
    line.station.start()
    wait_until(lambda: len(world.recorded) >= 2)
    line.book = [recipe("all", ".*", revision=2)]
    seen = len(world.recorded)
    wait_until(lambda: len(world.recorded) >= seen + 3)
    assert {i.recipe_revision for i in world.recorded} == {1}
    line.station.use_recipe(line.book[0])
    wait_until(lambda: world.recorded[-1].recipe_revision == 2)
    seen = len(world.recorded)
    wait_until(lambda: len(world.recorded) >= seen + 2)
    assert {i.recipe_revision for i in world.recorded[seen:]} == {2}


# Bar codes


def scan(image: Pixels, serial: str = "s") -> BoardScan:
    return BoardScan("b", serial, image, PixelFormat.MONO8, 0, 0)


def with_code(text: str, kind: str = "DataMatrix", x: int = 300, y: int = 200) -> Pixels:
    image = np.full((1_200, 1_000), 120, np.uint8)
    code = draw_code(text, kind)
    image[y : y + code.shape[0], x : x + code.shape[1]] = code
    return image


def coded(name: str, pattern: str, **changes: object) -> Recipe:
    change = Changeover(pattern=pattern, code_region=Region(x=290, y=190, w=150, h=150)).model_copy(update=changes)
    return Recipe(name=name, changeover=change)


def choose(book: list[Recipe], image: Pixels, lines: int | None = None) -> Chosen:
    return ByBarcode(lambda: book, read_codes).choose(scan(image), image.shape[0] if lines is None else lines)


@pytest.mark.parametrize("kind", ["DataMatrix", "QRCode", "Aztec"])
def test_a_bar_code_chooses(kind: str) -> None:
    book = [coded("a", r"A\d+"), coded("b", r"B\d+")]
    chosen = choose(book, with_code("B042", kind))
    assert (chosen.recipe.name, chosen.code) == ("b", "B042")


def test_as_many_lines_are_waited_for_as_hold_the_code() -> None:
    book = [coded("a", r"A\d+")]
    changeover = ByBarcode(lambda: book, read_codes)
    assert changeover.lines_needed() == 190 + 150 + MARGIN_PX
    assert choose(book, with_code("A1"), changeover.lines_needed()).recipe.name == "a"
    with pytest.raises(UnknownProduct, match="No bar code could be read"):
        choose(book, with_code("A1"), 210)


def test_a_code_outside_the_region_or_of_another_kind_does_not_count() -> None:
    with pytest.raises(UnknownProduct, match="No bar code could be read"):
        choose([coded("a", r"A\d+")], with_code("A1", x=700, y=800))
    with pytest.raises(UnknownProduct, match="No bar code could be read"):
        choose([coded("a", r"A\d+", formats=("QRCode",))], with_code("A1"))


def test_an_unknown_code_is_named() -> None:
    with pytest.raises(UnknownProduct, match="'X9' belongs to no recipe"):
        choose([coded("a", r"A\d+"), coded("b", r"B\d+")], with_code("X9"))


def test_two_codes_of_two_products_are_refused() -> None:
    image = with_code("A1")
    other = draw_code("B1")
    image[200 : 200 + other.shape[0], 420 : 420 + other.shape[1]] = other
    with pytest.raises(UnknownProduct, match="2 recipes of priority 0: a, b"):
        choose([coded("a", r"A\d+"), coded("b", r"B\d+")], image)
    assert choose([coded("a", r"A\d+"), coded("b", r"B\d+", priority=3)], image).recipe.name == "b"


def test_nobody_says_where_the_code_is() -> None:
    with pytest.raises(UnknownProduct, match="No recipe says where"):
        choose([Recipe(changeover=Changeover(pattern=".*"))], with_code("A1"))
