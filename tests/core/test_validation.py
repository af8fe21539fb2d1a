"""What is wrong with a recipe or with settings, field by field."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from aoi_app.core.recipe import Recipe
from aoi_app.core.validation import MOST, field_problems, named_fields


def error_of(model: type[BaseModel], text: str) -> ValidationError:
    with pytest.raises(ValidationError) as refused:
        model.model_validate_json(text)
    return refused.value


def test_each_field_is_named_with_its_place() -> None:
    error = error_of(Recipe, '{"width_px": 0, "rules": {"open": {"severity": 9}}}')
    assert field_problems(error) == [
        "width_px: Input should be greater than or equal to 1",
        "rules.open.severity: Input should be less than or equal to 5",
    ]
    assert named_fields(error) == "; ".join(field_problems(error))


def test_a_rule_over_several_fields_speaks_for_itself() -> None:
    error = error_of(Recipe, '{"min_lines": 30, "max_lines": 20}')
    assert field_problems(error) == ["min_lines is 30, more than max_lines, 20"]


def test_only_the_first_fields_are_named() -> None:
    error = error_of(Recipe, "{" + ", ".join(f'"unknown_{k}": 1' for k in range(20)) + "}")
    assert len(field_problems(error)) == MOST
