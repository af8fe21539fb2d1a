"""The part of YAML that data set descriptions use: scalars, lists and one level of maps.

Anything else is refused with its line, rather than read wrongly.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from aoi_app.training.corpus import DataError

Value = str | list[str] | dict[str, str]

_KEY = re.compile(r"^([A-Za-z_][\w-]*)\s*:(?:\s+(.*))?$")
_ITEM = re.compile(r"^\s*-\s+(.*)$")
_PAIR = re.compile(r"^\s+([\w'\"-]+)\s*:\s+(.*)$")


def parse(text: str, origin: Path) -> dict[str, Value]:
    """Return the top level of a YAML text; scalars stay texts.

    Raises
    ------
    DataError
        A line is beyond the part that is known here.
    """
    result: dict[str, Value] = {}
    key = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = _without_comment(raw).rstrip()
        if not line or line in ("---", "..."):
            continue
        where = f"{origin}:{number}"
        current = result.get(key)
        if match := _KEY.match(line):
            key = match.group(1)
            result[key] = _value(match.group(2) or "", where)
        elif (match := _ITEM.match(line)) and (current == "" or isinstance(current, list)):
            result[key] = [*(current or []), _scalar(match.group(1), where)]
        elif (match := _PAIR.match(line)) and (current == "" or isinstance(current, dict)):
            before = current if isinstance(current, dict) else {}
            result[key] = {**before, _scalar(match.group(1), where): _scalar(match.group(2), where)}
        else:
            raise _beyond(raw, where)
    return result


def quoted(text: str) -> str:
    """Return a text as a YAML scalar that nothing can be mistaken in, on one line."""
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    escaped = (c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return f'"{"".join(escaped)}"'


def _without_comment(line: str) -> str:
    quote = ""
    for at, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"" and (at == 0 or line[at - 1].isspace() or line[at - 1] in "[{,:"):
            quote = char  # any other is an apostrophe
        elif char == "#" and (at == 0 or line[at - 1].isspace()):
            return line[:at]
    return line


def _value(text: str, where: str) -> Value:
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        return [_scalar(part, where) for part in _parts(text[1:-1])]
    if text.startswith("{") and text.endswith("}"):
        pairs = [part.partition(":") for part in _parts(text[1:-1])]
        return {_scalar(k, where): _scalar(v, where) for k, _, v in pairs}
    return _scalar(text, where)


def _parts(text: str) -> list[str]:
    """Split at commas outside quotes."""
    return [p.strip() for p in re.findall(r"""(?:'[^']*'|"[^"]*"|[^,'"])+""", text) if p.strip()]


def _scalar(text: str, where: str) -> str:
    text = text.strip()
    if text[:1] == "'" and text[-1:] == "'" and len(text) > 1:
        return text[1:-1].replace("''", "'")
    if text[:1] == '"' and text[-1:] == '"' and len(text) > 1:
        try:
            return str(ast.literal_eval(text))
        except (ValueError, SyntaxError) as error:
            raise _beyond(text, where) from error
    if text[:1] in ("[", "{", "&", "*", "!", "|", ">", "%", "@", "`", "'", '"'):
        raise _beyond(text, where)
    return text


def _beyond(text: str, where: str) -> DataError:
    return DataError(
        f"{where}: {text.strip()[:60]!r} is not understood.",
        "Write one `key: value`, `- item` or `number: name` a line.",
    )
