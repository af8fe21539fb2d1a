"""What pydantic finds wrong with a recipe or with settings, as sentences for people."""

from __future__ import annotations

from pydantic import ValidationError

MOST = 5
"""Fields that are named; who has mended these sees the next ones."""
_RAISED = "Value error, "
"""What pydantic puts before the words of a validator of ours."""


def field_problems(error: ValidationError) -> list[str]:
    """Return what is wrong with which field, such as "width_px: Field required"; the first few."""
    problems = []
    for found in error.errors(include_url=False, include_input=False)[:MOST]:
        place, what = ".".join(map(str, found["loc"])), found["msg"].removeprefix(_RAISED)
        problems.append(f"{place}: {what}" if place else what)
    return problems


def named_fields(error: ValidationError) -> str:
    """Return all of it in one line."""
    return "; ".join(field_problems(error))
