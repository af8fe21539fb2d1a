"""Options that a part brings along, such as a runtime: by name, with what a form needs to offer them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aoi_app.core.errors import SettingsError

Option = int | float | str | bool
Options = Mapping[str, Option]


@dataclass(frozen=True, slots=True)
class OptionField:
    """One option as a person sees it.

    Attributes
    ----------
    default
        What holds when nothing is said; its type is the option's type.
    choices
        Value -> what a person reads; empty where anything may be entered.
    missing
        Value -> why it cannot be chosen on this machine.
    least, most
        Of a number.
    note
        One line about it.
    """

    name: str
    title: str
    default: Option
    choices: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    least: float = 0.0
    most: float = 1e6
    note: str = ""


def parse_options(texts: Iterable[str], fields: Iterable[OptionField]) -> dict[str, Option]:
    """Return the options that a command line names, each NAME=VALUE.

    What has a field gets its type; the rest is a number, yes or no, or a text, as it looks.

    Raises
    ------
    SettingsError
        No "=", or a value that is not of the field's type.
    """
    known = {one.name: one for one in fields}
    found: dict[str, Option] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        name = name.strip()
        if not sign or not name:
            raise SettingsError(f"{text!r} is no option.", "Write NAME=VALUE, such as threads=2.")
        try:
            found[name] = _typed(value.strip(), known[name].default) if name in known else guessed(value.strip())
        except ValueError:
            kind = type(known[name].default).__name__
            raise SettingsError(f"{name} is {value!r}, which is no {kind}.", "Give another value.") from None
    return found


def only_changed(options: Options, fields: Iterable[OptionField]) -> dict[str, Option]:
    """Return the options that differ from their defaults: a setting nobody made is not kept."""
    defaults = {one.name: one.default for one in fields}
    return {name: value for name, value in options.items() if name not in defaults or value != defaults[name]}


_WORDS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


def _typed(text: str, like: Option) -> Option:
    if isinstance(like, bool):
        if text.lower() not in _WORDS:
            raise ValueError(text)
        return _WORDS[text.lower()]
    return type(like)(text)


def guessed(text: str) -> Option:
    """Return a value that a person has written as what it looks like: true or false, a number, otherwise a text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
