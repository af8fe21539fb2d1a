"""What exporters write into a network's metadata: texts, in Python, JSON or YAML, that are never executed."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from aoi_app.core.errors import ModelError

MAX_METADATA_CHARS = 1_000_000
_NAME_KEYS = ("names", "class_names", "classes", "labels")

_NUMBERED = re.compile(r"""(['"]?)(\d+)\1\s*:(?:\s+(.*))?""")
_LISTED = re.compile(r"-(?:\s+(.*))?")
_QUOTED = re.compile(r"""('(?:[^']|'')*'|"(?:[^"\\]|\\.)*")(?:\s+#.*)?""")
_NOTHING = ("", "~", "null")
_INDICATORS = "#&*!|>%@`[]{},"
"""What no plain text of YAML begins with."""


def class_names(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Return the class names that an exporter wrote into the metadata, or () when there are none.

    A dictionary from index to name or a list, as Python, JSON or YAML writes them, or names between commas, under the
    usual keys.

    Raises
    ------
    ModelError
        The entry is there and cannot be read.
    """
    for key in _NAME_KEYS:
        text = metadata.get(key, "").strip()
        if not text:
            continue
        names = _parse_names(text)
        if names is None:
            raise ModelError(
                f"The class names in the model's metadata cannot be read: {key} = {text[:80]!r}.",
                "Expected a list of names or a dictionary from 0, 1, 2, ... to names.",
            )
        return names
    return ()


def literal(text: str) -> Any:
    """Return what a metadata text means as JSON or as a Python literal, or None."""
    if len(text) > MAX_METADATA_CHARS:
        return None
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
    return None


def _parse_names(text: str) -> tuple[str, ...] | None:
    value = literal(text)
    if value is None and len(text) <= MAX_METADATA_CHARS:
        value = _yaml_names(text)
    if isinstance(value, dict):
        try:
            by_index = {int(key): name for key, name in value.items()}
        except (TypeError, ValueError):
            return None
        if sorted(by_index) != list(range(len(value))):
            return None
        value = [by_index[i] for i in range(len(by_index))]
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, (list, tuple)) or not value:
        return None
    names = tuple(str(name).strip() for name in value if isinstance(name, (str, int)))
    return names if len(names) == len(value) and all(names) else None


def _yaml_names(text: str) -> dict[str, str] | list[str] | None:
    """Return names as YAML writes them, `0: open` or `- open` one a line or in braces, or plain ones between commas."""
    if text[0] + text[-1] in ("[]", "{}"):
        entries = text[1:-1].replace("\n", " ").split(",")
        return _numbered(entries) if text[0] == "{" else _scalars(entries)
    if set(text) & set("{}[]"):
        return None
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    entries = lines if len(lines) > 1 else text.split(",")
    if any(_NUMBERED.fullmatch(entry.strip()) for entry in entries):
        return _numbered(entries)
    listed = [_LISTED.fullmatch(entry.strip()) for entry in entries]
    if any(listed):
        return _scalars([found[1] if found else None for found in listed])
    return [part.strip() for part in text.replace("\n", ",").split(",") if part.strip()]


def _numbered(entries: Sequence[str]) -> dict[str, str] | None:
    """Return names by their numbers; None where an entry is none, or a number comes twice."""
    found = [_NUMBERED.fullmatch(entry.strip()) for entry in entries]
    names = _scalars([match[3] if match else None for match in found])
    numbers = {match[2] for match in found if match}
    if names is None or len(numbers) < len(names):
        return None
    return {match[2]: name for match, name in zip(found, names, strict=True) if match}


def _scalars(texts: Sequence[str | None]) -> list[str] | None:
    """Return the names that YAML's scalars are, or None where one is none."""
    names = [_scalar((text or "").strip()) for text in texts]
    return [name for name in names if name] if all(names) else None


def _scalar(text: str) -> str | None:
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        inside = quoted[1]
        return inside[1:-1].replace("''", "'") if inside[0] == "'" else literal(inside)
    plain = re.split(r"\s#", text)[0].strip()
    return None if plain.lower() in _NOTHING or plain[0] in _INDICATORS + "'\"" else plain
