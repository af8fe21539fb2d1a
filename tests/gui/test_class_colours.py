"""A class of defects has one colour: in every start, on every page, for every model, and for every eye."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from aoi_app.boards import BARE_CODES, SMT_CODES
from aoi_app.core.inspection import Defect
from aoi_app.gui import class_colours
from aoi_app.gui.board.marks_painter import draw_marks
from aoi_app.gui.board.picture import Marks
from aoi_app.gui.board.viewport import Viewport
from aoi_app.gui.class_colours import SHADES, USUAL, class_colour, know_models, own_place, places_of
from aoi_app.gui.resources import resources_dir
from aoi_app.gui.texts import class_key
from aoi_app.gui.theme import apply_theme, tokens
from aoi_app.inference.catalog import list_models
from aoi_app.services import window_services
from tests.gui.world import GuiWorld

NAMES = st.one_of(
    st.sampled_from([key for row in USUAL for key in row]), st.text("abcdefgh短路", min_size=1, max_size=6)
)
MODELS = st.lists(st.lists(NAMES, unique_by=class_key, max_size=14), max_size=3)
"""Of three models a class has at most six neighbours: fewer than there are colours."""


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = class_colours._Known.places
    yield
    class_colours._Known.places = before


@given(MODELS, st.randoms(use_true_random=False))
def test_the_order_of_the_models_does_not_matter(models: list[list[str]], random: object) -> None:
    mixed = list(models) + models[:1]
    random.shuffle(mixed)  # type: ignore[attr-defined]
    assert places_of(mixed) == places_of(models)


@given(MODELS)
def test_neighbours_on_a_card_differ(models: list[list[str]]) -> None:
    places = places_of(models)
    assert all(place in range(SHADES) for place in places.values())
    for classes in models:
        for one, other in pairwise(classes):
            assert places[class_key(one)] != places[class_key(other)]


@given(st.lists(NAMES, unique_by=class_key, max_size=SHADES))
def test_all_classes_of_a_model_differ_while_the_palette_lasts(classes: list[str]) -> None:
    assert len(set(places_of([classes]).values())) == len(classes)


@given(st.lists(NAMES, unique_by=class_key, min_size=1, max_size=14))
def test_a_class_gives_way_only_where_it_must(classes: list[str]) -> None:
    """One that shares its place with nobody has it, model or not: a record shows what the line showed."""
    keys = [class_key(name) for name in classes]
    places = places_of([classes])
    if len({own_place(key) for key in keys}) == len(keys):
        assert all(places[key] == own_place(key) for key in keys)


@pytest.mark.parametrize("codes", [BARE_CODES, SMT_CODES])
def test_the_shipped_classes_have_their_own_places_whatever_is_installed(codes: tuple[str, ...]) -> None:
    keys = [class_key(code) for code in codes]
    assert len({own_place(key) for key in keys}) == len(keys)
    strangers = [[f"{own}{k}" for k in range(9)] + list(codes) for own in ("aa", "zz")]
    places = places_of([*strangers, BARE_CODES, SMT_CODES])
    assert [places[key] for key in keys] == [own_place(key) for key in keys]


def test_the_places_stand_for_ever() -> None:
    """Not by Python's own hash, which is another one in each start."""
    known = {"open": 0, "short": 1, "pinhole": 5, "tombstoned": 3, "foreignobject": 4}
    assert {key: own_place(key) for key in known} == known
    assert [own_place(key) for key in ("fluxresidue", "lead", "短路", "开路")] == [3, 3, 6, 2]


def test_one_class_in_several_spellings_has_one_colour() -> None:
    assert class_colour("pin-hole") == class_colour("Pin_Hole") == class_colour("pinhole")
    assert class_key("短路") != class_key("开路")


def test_the_window_knows_the_cards_of_the_engines_folder(world: GuiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two classes of one card that would look alike differ, from the start on and before a model is loaded."""
    engines = world.folder / "engines"
    engines.mkdir()
    alike = next(f"x{k}" for k in range(100) if own_place(f"x{k}") == own_place("short"))
    (engines / "own.onnx").touch()
    card = json.loads(next(p for p in (resources_dir().parent / "engines").glob("*.card.json")).read_text("utf-8"))
    card.update(name="own", classes=["short", alike], classes_zh=["短路", "某"])
    (engines / "own.card.json").write_text(json.dumps(card), encoding="utf-8")
    monkeypatch.setenv("AOI_ENGINES", str(engines))
    assert [entry.card is not None for entry in list_models()] == [True]
    know_models([])
    assert class_colour("short") == class_colour(alike)
    window_services(world.book, world.folder, Path("s.json"), lambda scan, recipe: None)
    assert class_colour("short") == QColor(tokens().classes[own_place("short")])
    assert class_colour("short") != class_colour(alike)


@pytest.mark.parametrize("order", [("spur", "open"), ("open", "spur")])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_a_box_has_the_colour_of_its_class_whatever_came_first(
    world: GuiWorld, order: tuple[str, str], theme: str
) -> None:
    apply_theme(world.application, theme)
    wanted = {"spur": tokens().classes[3], "open": tokens().classes[0]}
    image = QImage(200, 100, QImage.Format.Format_RGB32)
    image.fill(0xFF404040)
    marks = Marks.of_defects(
        [Defect(code, 0.9, (20.0 + 90 * k, 40.0, 80.0 + 90 * k, 90.0)) for k, code in enumerate(order)]
    )
    patch = Viewport(200, 100).fitted((200.0, 100.0)).patch(200, 100, 1)
    assert patch is not None
    painter = QPainter(image)
    draw_marks(painter, marks, patch, QRectF(0, 0, 200, 100), None)
    painter.end()
    row = [image.pixelColor(x, 65).name() for x in range(200)]
    assert row.index(wanted[order[0]]) < row.index(wanted[order[1]])


@pytest.mark.parametrize("code", [keys[0] for keys in USUAL])
@pytest.mark.parametrize("board", ["#155f38", "#0f4a2a", "#c8c8c4", "#3a3a3a"])
def test_a_box_stands_out_from_every_board(world: GuiWorld, code: str, board: str) -> None:
    """Green, dark green and bare boards: some grey of its line or rim is far from that of the board."""
    image = QImage(200, 200, QImage.Format.Format_RGB32)
    image.fill(QColor(board))
    marks = Marks.of_defects([Defect(code, 0.9, (95.0, 95.0, 100.0, 100.0))])
    patch = Viewport(200, 200).fitted((200.0, 200.0)).patch(200, 200, 1)
    assert patch is not None
    painter = QPainter(image)
    draw_marks(painter, marks, patch, QRectF(0, 0, 200, 200), None)
    painter.end()
    greys = [QColor(image.pixelColor(x, 97)).lightnessF() for x in range(200)]
    assert max(abs(grey - QColor(board).lightnessF()) for grey in greys) > 0.2


# The palette

EYES = {
    "usual": np.eye(3),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
"""Linear sRGB as an eye without one of its cones sees it (Machado, Oliveira and Fernandes 2009, severity 1)."""
_CONES = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_LAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
"""Oklab (Ottosson 2020): equal distances look equally different; 2 is about what can just be seen."""


def seen(colours: list[str], eye: str) -> NDArray[np.float64]:
    """Return (colours, 3) in hundredths of Oklab, as an eye sees them."""
    srgb = np.array([[int(c[k : k + 2], 16) / 255 for k in (1, 3, 5)] for c in colours])
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    shown = np.clip(linear @ np.array(EYES[eye]).T, 0, 1)
    return np.asarray(100 * np.cbrt(shown @ np.array(_CONES).T) @ np.array(_LAB).T)


@pytest.mark.parametrize("eye", EYES)
def test_every_two_colours_differ_to_every_eye(eye: str) -> None:
    shades = seen(list(tokens().classes), eye)
    assert len(shades) == SHADES
    assert min(float(np.linalg.norm(a - b)) for a, b in combinations(shades, 2)) > 11


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize(("eye", "least"), [(eye, 10.5 if eye == "usual" else 5.0) for eye in EYES])
def test_no_class_looks_like_a_state_of_the_line(world: GuiWorld, theme: str, eye: str, least: float) -> None:
    """Red is FAIL, amber not sure, green PASS, blue asks for an act: none of them is the colour of a class."""
    apply_theme(world.application, theme)
    t = tokens()
    states = seen([t.bad, t.warn, t.good, t.act], eye)
    for shade in seen(list(t.classes), eye):
        assert np.linalg.norm(states - shade, axis=1).min() > least


def test_a_box_is_seen_on_green_solder_mask() -> None:
    board = seen(["#155f38"], "usual")[0]
    assert min(float(np.linalg.norm(shade - board)) for shade in seen(list(tokens().classes), "usual")) > 20
