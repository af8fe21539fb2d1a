"""Every text that is shown has a Chinese entry, and switching the language leaves nothing behind."""

from __future__ import annotations

import ast
import errno
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import shiboken6
from PySide6.QtCore import QAbstractItemModel, QAbstractTableModel, QObject, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QTabWidget,
    QWidget,
)

import aoi_app.gui
from aoi_app.boards.drawn import BARE_CODES, SMT_CODES
from aoi_app.core.errors import RecipeError
from aoi_app.core.recipe import parse_recipe
from aoi_app.core.scan import Completeness
from aoi_app.gui.about import AboutDialog, KeysDialog
from aoi_app.gui.actions import BAR_ACTIONS, LINE_ACTIONS, MENU_ACTIONS
from aoi_app.gui.pages import PAGES
from aoi_app.gui.resources import resources_dir
from aoi_app.gui.settings.dialog import SettingsDialog
from aoi_app.gui.texts import defect_name, learn_defect_names, message, tr, use_language
from aoi_app.station.status import Level
from aoi_app.storage.faults import from_os
from tests.gui.sentences import arms, literals, sentences
from tests.gui.world import GuiWorld

SAME_IN_BOTH = (
    # names, numbers, units and what the outside calls itself
    r"[\d\s.,:;×x%/|()\-–+·→µm]*",
    r"(PCB-2026-|b)\d+.*",
    r"default( r\d+)?",
    r"aoi-bare-1(\.onnx)?",
    r"(ab)+",
    r"[0-9a-f]{32}",
    r"FPS",
    r"\[(Space|Backspace|\d)\]",  # keys
    r"aoi-bare-1 abababab",
    r"early 06:00, late 14:00, night 22:00",  # names that a plant gives its shifts
    r"(p50|p99|n =).*",
    r"FP32|FP16|INT8|fp32",
    r"ONNX Runtime( [\d.]+)?|TensorRT( for RTX)?|GigE Vision|OpenVINO|LiteRT|DirectML|CPU|GPU|NPU|CUDA|TLS",
    r"PDF|CSV|JSON|DPMO",
    r"DataMatrix|(Micro)?QRCode|Aztec|PDF417|Code\d+|EAN13",
    r"SHA-256|English|中文|Apache-2\.0|/var/lib.*|0\.1\.0|mAP@0\.33.*",
    r"(Ctrl|Shift|F\d+|[A-Z+\-1])([+, …].*)?",
    r"simulated(:\w+)?",
    r"x [\d,]+  y [\d,]+",
    r"[\d,]+ × [\d,]+ px",
    r"[\d,.]+ / [\d,.]+ MiB",
    r"\d[\d, ]* (Hz|%)",
    r"\d\d:\d\d:\d\d\.\d+|\d{4}-\d\d-\d\d.*",
    r"[← ↑↓→]+|Backspace|Space",
    r"Export(\.\.\.)?",  # pyqtgraph's own, its menu is off
    r"Traceback.*|qt_\w+",
    r"Scroll (Left|Right)",  # Qt's own, never shown: the tabs have room
)


def table(name: str) -> dict[str, str]:
    texts: dict[str, str] = json.loads((resources_dir() / "i18n" / f"{name}.json").read_text(encoding="utf-8"))
    return texts


def in_the_window() -> Iterator[tuple[str, str]]:
    """Yield every text that the code of the window hands to `tr` or `say`, with its file."""
    folder = Path(aoi_app.gui.__file__).parent
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                place = {"tr": 0, "say": 2}.get(node.func.id)
                if place is not None and len(node.args) > place:
                    for text in arms(node.args[place]):
                        if isinstance(text, ast.Constant) and isinstance(text.value, str):
                            yield text.value, f"aoi_app/gui/{file.relative_to(folder).as_posix()}"


def to_add(missing: Mapping[str, str], name: str) -> str:
    """Return what to write into a table, ready to be filled in."""
    lines = [f'  {json.dumps(text, ensure_ascii=False)}: "",    <- {place}' for text, place in sorted(missing.items())]
    return "\n".join([f"\nAdd to resources/i18n/{name}.json, in its place by the alphabet, with the Chinese:", *lines])


def test_every_caption_of_the_window_is_in_the_table() -> None:
    known = {**table("zh"), **table("zh-messages")}
    found = dict(in_the_window())
    assert len(found) > 100
    missing = {text: place for text, place in found.items() if text not in known}
    assert not missing, to_add(missing, "zh")


def test_every_sentence_of_the_station_is_in_the_table() -> None:
    known = {**table("zh"), **table("zh-messages")}
    found = sentences()
    assert len(found) > 500
    missing = {sentence.text: sentence.place for sentence in found if sentence.text not in known}
    assert not missing, to_add(missing, "zh-messages")


def test_no_entry_is_left_over() -> None:
    said = literals()
    for name in ("zh", "zh-messages"):
        gone = [text for text in table(name) if text not in said]
        assert not gone, f"\nNo source says this any more; take it out of resources/i18n/{name}.json: {gone}"


def test_an_entry_stands_in_one_table() -> None:
    assert set(table("zh")) & set(table("zh-messages")) == set()


@pytest.mark.parametrize("name", ["zh", "zh-messages", "zh-libraries"])
def test_tables_are_in_order_and_fill_in_the_same_values(name: str) -> None:
    def names(text: str) -> set[str]:
        return set(re.findall(r"{(\w+)", text.replace('{"', "")))

    entries = table(name)
    assert list(entries) == sorted(entries)
    assert {en for en, zh in entries.items() if names(en) != names(zh)} == set()


@pytest.mark.parametrize("code", [*BARE_CODES, *SMT_CODES])
def test_defects_have_names_in_both_languages(code: str) -> None:
    use_language("zh")
    assert re.search("[一-鿿]", defect_name(code))
    use_language("en")
    assert re.fullmatch("[a-z ]+", defect_name(code))


def test_a_models_card_teaches_names() -> None:
    use_language("zh")
    assert defect_name("flux_residue") == "flux residue"
    learn_defect_names(("flux_residue", "short"), ("助焊剂残留", "另一个名称"))
    assert defect_name("flux_residue") == "助焊剂残留"
    assert defect_name("short") == "短路", "what the table knows stays"
    use_language("en")
    assert defect_name("flux_residue") == "flux residue"
    use_language("zh")
    assert defect_name("flux_residue") == "助焊剂残留", "switching the language forgets nothing"
    use_language("en")


def test_sentences_of_the_station_are_translated_with_their_values() -> None:
    use_language("zh")
    assert message("12 lines are missing") == "缺少 12 行"
    assert message("its trailing edge was not seen; 3 lines are missing") == "未检测到板尾；缺少 3 行"
    assert message("the camera was lost: The simulated camera is gone.") == "相机断开：模拟相机已断开。"
    assert message("40% · making fp16 of board.onnx") == "40% · 正在由 board.onnx 生成 fp16"
    assert message("mouse_bite at U5 on 3 boards in a row") == "鼠咬 在 U5 连续出现于 3 块板"
    assert message("Something else.") == "Something else."
    assert tr("Start") == "启动"
    use_language("en")
    assert message("12 lines are missing") == "12 lines are missing"


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "a", "width_px": 0, "max_lines": "many", "rules": {"open": {"min_confidence": 2}}, "colour": 1}',
        '{"min_lines": 30, "max_lines": 20, "ignore_regions": [{"x": -1, "y": 0, "w": 0}], "pixel_size_um": [1]}',
        '{"min_lines": 30, "max_lines": 20}',
        '{"name": ',
        "[]",
    ],
)
def test_what_is_wrong_with_a_recipe_is_said_in_chinese(text: str) -> None:
    with pytest.raises(RecipeError) as refused:
        parse_recipe(text, "a.json")
    use_language("zh")
    said = message(str(refused.value))
    use_language("en")
    assert said.startswith("a.json 无法使用：")
    assert not re.search("[A-Za-z]{3,} [A-Za-z]{2,}", said), said


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO, errno.ENOENT])
def test_what_a_disk_says_is_said_in_chinese(number: int) -> None:
    use_language("zh")
    error = from_os(OSError(number, os.strerror(number), "aoi.sqlite"), Path("data"))
    said = message(f"{error.what} {error.hint}")
    use_language("en")
    assert not re.search("[A-Za-z]{3,} [A-Za-z]{2,}", said), said


def shown_texts(root: QWidget) -> Iterator[tuple[str, str]]:
    for item in (root, *root.findChildren(QObject)):
        name = type(item).__name__
        if isinstance(item, (QLabel, QAbstractButton, QAction, QLineEdit)):
            yield item.text(), name
        if isinstance(item, (QLineEdit, QPlainTextEdit)):
            yield item.placeholderText(), name
        if isinstance(item, (QWidget, QAction)):
            yield item.toolTip(), f"{name}, tool tip"
        if isinstance(item, QWidget):
            yield item.accessibleName(), f"{name}, accessible name"
        if isinstance(item, QComboBox):
            yield from ((item.itemText(k), name) for k in range(item.count()))
        if isinstance(item, QTabWidget):
            yield from ((item.tabText(k), name) for k in range(item.count()))
        if isinstance(item, QAbstractItemView) and item.model() is not None:
            yield from model_texts(item.model())


def model_texts(model: QAbstractItemModel) -> Iterator[tuple[str, str]]:
    name = type(model).__name__
    for column in range(model.columnCount() if isinstance(model, QAbstractTableModel) else 1):
        yield str(model.headerData(column, Qt.Orientation.Horizontal) or ""), name
        for row in range(min(model.rowCount(), 20)):
            yield str(model.index(row, column).data() or ""), name


def not_chinese(root: QWidget) -> set[tuple[str, str]]:
    allowed = re.compile("|".join(f"(?:{p})" for p in SAME_IN_BOTH))
    return {
        (text, where)
        for text, where in shown_texts(root)
        for line in re.sub("<[^>]+>", "", text).splitlines()
        if not re.search("[一-鿿]", line) and not allowed.fullmatch(line.strip())
    }


def test_switched_live_nothing_stays_english(world: GuiWorld) -> None:
    world.record(5)
    world.station.start()
    world.show()
    world.station.next_board((3, 4))
    world.station.finish(Completeness(640, 12, ("12 lines are missing",), ((100, 12),)))
    world.station.happen(
        Level.WARNING, "Nothing has come from the camera for 12 s.", "Check cable, power and triggers."
    )
    for number in range(len(PAGES)):
        world.window.show_page(number)
        world.spin(0.2)
        world.settle()
    window = world.window
    window.show_page(0)
    window.toggle_log()
    dialogs = [
        SettingsDialog(window),
        AboutDialog(world.window.services.facts(), world.station.status(), window),
        KeysDialog((*LINE_ACTIONS, *MENU_ACTIONS, *BAR_ACTIONS), window),
    ]
    world.settle()
    for dialog in dialogs[1:]:
        dialog.close()
    window.set_language("zh")
    world.settle()
    assert not_chinese(window) - {t for d in dialogs[1:] for t in shown_texts(d)} == set()
    window.set_language("en")
    assert window.line.tile.word == "ERROR"
    dialogs[0].done(0)


def test_dialogs_opened_in_chinese_are_chinese(world: GuiWorld) -> None:
    world.show()
    world.window.set_language("zh")
    assert {w.windowTitle() for w in QApplication.topLevelWidgets() if w is world.window} == {"AOI 检测站"}
    for dialog in (
        SettingsDialog(world.window),
        AboutDialog(world.window.services.facts(), world.station.status(), world.window),
        KeysDialog((*LINE_ACTIONS, *MENU_ACTIONS, *BAR_ACTIONS), world.window),
    ):
        dialog.show()
        world.settle()
        assert not_chinese(dialog) == set()
        dialog.done(0)


def test_a_widget_that_goes_while_another_is_written_anew_is_left_out(world: GuiWorld) -> None:
    class Taking(QWidget):
        def retranslate(self) -> None:
            shiboken6.delete(other)

    taking, other = Taking(), QWidget()
    use_language("zh", [taking, other])
    use_language("en")
    assert not shiboken6.isValid(other)
