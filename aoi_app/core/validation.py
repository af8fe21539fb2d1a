"""What pydantic finds wrong with a recipe or with settings, as sentences for people."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from pydantic import ValidationError

MOST = 5
"""Fields that are named; who has mended these sees the next ones."""
_PLAIN = {"extra_forbidden": "there is no such field", "missing": "is missing"}
"""Words for people, by pydantic's type of an error, where its own are for programmers."""
_RAISED = "Value error, "
"""What pydantic puts before the words of a validator of ours."""


def field_problems(error: ValidationError) -> list[str]:
    """Return what is wrong with which field, such as "width_px: is missing"; the first few."""
    problems = []
    for found in error.errors(include_url=False, include_input=False)[:MOST]:
        place = ".".join(map(str, found["loc"]))
        what = _PLAIN.get(found["type"]) or found["msg"].removeprefix(_RAISED)
        problems.append(f"{place}: {what}" if place else what)
    return problems


def named_fields(error: ValidationError) -> str:
    """Return all of it in one line."""
    return "; ".join(field_problems(error))


def twice_named(text: str) -> list[str]:
    """Return the fields that an object of a JSON text names twice: of each, a reader takes one and says nothing.

    None of a text that is no JSON: to say so is the reader's task.
    """
    twice: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(pairs)
        if len(fields) < len(pairs):
            twice.extend(name for name, n in Counter(name for name, _ in pairs).items() if n > 1)
        return fields

    try:
        json.loads(text, object_pairs_hook=note)
    except (ValueError, RecursionError):
        return []
    return twice[:MOST]
