"""Texts in the operator's language, switched while the window is open.

A text is written in English in the code and looked up in `resources/i18n`: captions of the window in
`<language>.json`, sentences that the other rooms make in `<language>-messages.json`, what libraries say within them in
`<language>-libraries.json`. A widget remembers the English text of each of its captions (`say`), so that
`use_language` can write all of them anew; a widget whose text depends on data has a method `retranslate` instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject
from shiboken6 import isValid

from aoi_app.gui.resources import resources_dir
from aoi_app.gui.sentences import Sentences

LANGUAGES: Mapping[str, str] = {"en": "English", "zh": "中文"}
_PREFIX = "say_"
_TABLES = ("", "-messages", "-libraries")


class _Table:
    """The texts of the language in use."""

    def __init__(self) -> None:
        self.language = "en"
        self.captions: dict[str, str] = {}
        self.sentences = Sentences({})
        self.defects: dict[str, dict[str, str]] = {}
        self.learned: dict[str, dict[str, str]] = {}

    def load(self, language: str) -> None:
        folder = resources_dir() / "i18n"
        self.language = language
        self.defects = {**self.learned, **json.loads((folder / "defects.json").read_text(encoding="utf-8"))}
        made = {} if language == "en" else {name: _read(folder / f"{language}{name}.json") for name in _TABLES}
        self.captions = made.get("", {})
        sentences = {**made.get("-libraries", {}), **made.get("-messages", {})}
        self.sentences = Sentences(sentences, {"defect": defect_name})

    def text(self, english: str) -> str:
        return self.captions.get(english) or self.sentences.of(english)


def _read(file: Path) -> dict[str, str]:
    texts: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return texts


_table = _Table()


def language() -> str:
    """Return the language in use: `en` or `zh`."""
    return _table.language


def tr(text: str, **values: object) -> str:
    """Return a caption in the language in use, with `{name}` filled in."""
    found = _table.text(text)
    return found.format(**values) if values else found


def message(text: str) -> str:
    """Return a sentence that the station made, such as "3 lines are missing", in the language in use.

    Sentences in one text, and within one another ("the camera was lost: ..."), are looked up one by one; one that is
    not in the table stays English.
    """
    return _table.text(text)


def labelled(name: str, value: str) -> str:
    """Return "name: value" with the colon of the language in use."""
    return tr("{name}: {value}", name=name, value=value)


def defect_title(code: str, component: str) -> str:
    """Return a defect by its component, as "R12: tombstoned"; by its class alone where no component is known."""
    return labelled(component, defect_name(code)) if component else defect_name(code)


def defect_name(code: str) -> str:
    """Return what a class of defects is called; its code where no table knows it."""
    names = _table.defects.get(class_key(code))
    if names is not None:
        return names[_table.language]
    return code.replace("_", " ")


def learn_defect_names(codes: Iterable[str], chinese: Iterable[str]) -> None:
    """Take over the Chinese names of a model's classes from its card; names that are known stay."""
    for code, name in zip(codes, chinese, strict=False):
        # Kept beside the table, which is read anew when the language changes.
        _table.learned.setdefault(class_key(code), {"en": code.replace("_", " "), "zh": name})
    _table.defects = {**_table.learned, **_table.defects}


def class_key(code: str) -> str:
    """Return what a class of defects is looked up by: its letters and figures, so that pin-hole is Pin_Hole."""
    return re.sub(r"[\W_]", "", code.lower()) or code


def say(target: QObject, setter: str, text: str) -> None:
    """Give a widget a caption that follows the language.

    Parameters
    ----------
    setter
        Name of the widget's method, e.g. "setText".
    text
        English.
    """
    target.setProperty(_PREFIX + setter, text)
    getattr(target, setter)(tr(text))


def use_language(name: str, windows: Iterable[QObject] = ()) -> None:
    """Switch the language, and write every caption of `windows` and what is in them anew."""
    _table.load(name)
    for window in windows:
        _retranslate(window)


def _retranslate(widget: Any) -> None:
    if not isValid(widget):
        return  # it went when another was written anew, as the menus of a bar do
    for name in widget.dynamicPropertyNames():
        key = name.toStdString()
        if key.startswith(_PREFIX):
            getattr(widget, key[len(_PREFIX) :])(tr(widget.property(key)))
    retranslate = getattr(widget, "retranslate", None)
    if retranslate is not None:
        retranslate()
    # Asked for only now: a widget may have made its children anew.
    for child in widget.children():
        _retranslate(child)
