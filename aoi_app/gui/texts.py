"""Texts in the operator's language, switched while the window is open.

A text is written in English in the code and looked up in `resources/i18n/<language>.json`. A widget remembers the
English text of each of its captions (`say`), so that `use_language` can write all of them anew; a widget whose text
depends on data has a method `retranslate` instead.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject

from aoi_app.gui.resources import resources_dir

LANGUAGES: Mapping[str, str] = {"en": "English", "zh": "中文"}
_PREFIX = "say_"


class _Table:
    """The texts of the language in use."""

    def __init__(self) -> None:
        self.language = "en"
        self.texts: dict[str, str] = {}
        self.patterns: list[tuple[re.Pattern[str], str]] = []
        self.defects: dict[str, dict[str, str]] = {}

    def load(self, language: str) -> None:
        folder = resources_dir() / "i18n"
        self.language = language
        self.defects = json.loads((folder / "defects.json").read_text(encoding="utf-8"))
        self.texts = {} if language == "en" else _read(folder / f"{language}.json")
        self.patterns = [
            (_pattern(source), target) for source, target in self.texts.items() if re.search(r"{\d}", source)
        ]
        message.cache_clear()


def _read(file: Path) -> dict[str, str]:
    texts: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return texts


def _pattern(source: str) -> re.Pattern[str]:
    """Turn "{0} lines are missing" into an expression that such a sentence matches."""
    parts = re.split(r"{(\d)}", source)
    return re.compile("".join(f"(?P<p{p}>.+?)" if k % 2 else re.escape(p) for k, p in enumerate(parts)) + r"\Z")


_table = _Table()


def language() -> str:
    """Return the language in use: `en` or `zh`."""
    return _table.language


def tr(text: str, **values: object) -> str:
    """Return a text in the language in use, with `{name}` filled in."""
    found = _table.texts.get(text, text)
    return found.format(**values) if values else found


@lru_cache(2_000)
def message(text: str) -> str:
    """Return a sentence that the station made, such as "3 lines are missing", in the language in use.

    Sentences joined by "; " are looked up one by one; one that is not in the table stays English.
    """
    if "; " in text:
        return "；".join(message(part) for part in text.split("; ")) if _table.texts else text
    if text in _table.texts:
        return _table.texts[text]
    for pattern, target in _table.patterns:
        match = pattern.match(text)
        if match:
            return _filled(target, match.groupdict())
    return text


def _filled(target: str, values: Mapping[str, str]) -> str:
    return re.sub(r"{(\d)}", lambda m: values[f"p{m.group(1)}"], target)


def defect_name(code: str) -> str:
    """Return what a class of defects is called; its code where no table knows it."""
    names = _table.defects.get(_key(code))
    if names is not None:
        return names[_table.language]
    return code.replace("_", " ")


def learn_defect_names(codes: Iterable[str], chinese: Iterable[str]) -> None:
    """Take over the Chinese names of a model's classes from its card; names that are known stay."""
    for code, name in zip(codes, chinese, strict=False):
        _table.defects.setdefault(_key(code), {"en": code.replace("_", " "), "zh": name})


def _key(code: str) -> str:
    return re.sub(r"[^a-z0-9]", "", code.lower())


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
