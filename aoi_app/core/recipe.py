"""What a product must look like: the recipe, strict and versioned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from aoi_app.core.errors import RecipeError

SCHEMA_VERSION = 1
MAX_WIDTH_PX = 16_384
MAX_LENGTH_LINES = 65_536

Confidence = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Region(_Strict):
    """A rectangle of the board, pixels: x and y of its corner, w across, h along the transport."""

    name: str = ""
    x: Annotated[float, Field(ge=0)]
    y: Annotated[float, Field(ge=0)]
    w: Positive
    h: Positive

    def contains(self, x: float, y: float) -> bool:
        """Tell whether the point lies inside."""
        return self.x <= x < self.x + self.w and self.y <= y < self.y + self.h


class ClassRule(_Strict):
    """How a class of defects is judged."""

    enabled: bool = True
    min_confidence: Confidence = 0.5
    min_size_um: Annotated[float, Field(ge=0)] = 0.0
    max_defects: Annotated[int, Field(ge=0)] = 0
    severity: Annotated[int, Field(ge=1, le=5)] = 1


class Recipe(_Strict):
    """How boards of one product are inspected.

    Attributes
    ----------
    revision
        Counted up by the store at each save; 0 for one that was never saved.
    model
        File of the model, relative to the engines folder, or empty for the station's own choice.
    pixel_size_um
        Micrometres per pixel across and along the transport.
    width_px
        Expected width; a board of another width is `ERROR`. None accepts any.
    min_lines, max_lines
        Expected length. A board shorter than `min_lines` or longer than `max_lines` is `ERROR`.
    golden
        Image file of the defect-free board, for detectors that take one; empty for none.
    align_golden
        Register the golden board to each scan (shift, rotation, stretch) and refuse a scan that does not show it;
        otherwise both must come in the same geometry.
    rules
        Rule by class name; `default_rule` judges the rest.
    """

    schema_version: Literal[1] = 1
    name: Annotated[str, Field(min_length=1, max_length=80)] = "default"
    revision: Annotated[int, Field(ge=0)] = 0
    product: Annotated[str, Field(max_length=80)] = ""
    model: str = ""
    golden: str = ""
    align_golden: bool = False
    pixel_size_um: tuple[Positive, Positive] | None = None
    width_px: Annotated[int, Field(ge=1, le=MAX_WIDTH_PX)] | None = None
    min_lines: Annotated[int, Field(ge=1, le=MAX_LENGTH_LINES)] = 1
    max_lines: Annotated[int, Field(ge=1, le=MAX_LENGTH_LINES)] = 16_384
    default_rule: ClassRule = ClassRule()
    rules: dict[str, ClassRule] = Field(default_factory=dict)
    ignore_regions: tuple[Region, ...] = ()
    regions: tuple[Region, ...] = ()

    @model_validator(mode="after")
    def _lengths_in_order(self) -> Recipe:
        if self.min_lines > self.max_lines:
            raise ValueError(f"min_lines is {self.min_lines}, more than max_lines, {self.max_lines}")
        return self

    def rule(self, defect_code: str) -> ClassRule:
        """Return the rule for a class."""
        return self.rules.get(defect_code, self.default_rule)

    @property
    def lowest_confidence(self) -> float:
        """The least confidence that any class still counts from: what the detector must deliver."""
        return min(r.min_confidence for r in (self.default_rule, *self.rules.values()))

    def size_problems(self, width: int, lines: int) -> list[str]:
        """Tell how a board's size differs from the expected one; empty when it does not."""
        problems = []
        if self.width_px is not None and width != self.width_px:
            problems.append(f"the board is {width} px wide, the recipe expects {self.width_px}")
        if lines < self.min_lines:
            problems.append(f"the board has {lines} valid lines, the recipe expects at least {self.min_lines}")
        if lines > self.max_lines:
            problems.append(f"the board has {lines} lines, the recipe allows at most {self.max_lines}")
        return problems


def parse_recipe(text: str, origin: str = "the recipe") -> Recipe:
    """Read a recipe from JSON text.

    Raises
    ------
    RecipeError
        Names each field that is unknown, missing or out of range.
    """
    try:
        return Recipe.model_validate_json(text, strict=False)
    except ValidationError as error:
        fields = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'text'}: {e['msg']}" for e in error.errors()[:5])
        raise RecipeError(f"{origin} cannot be used: {fields}.", "Correct these fields and load it again.") from error


def load_recipe(path: Path) -> Recipe:
    """Read a recipe file (JSON, UTF-8)."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path} cannot be read: {error}.", "Give the path of a recipe file.") from error
    return parse_recipe(text, str(path))


def recipe_text(recipe: Recipe) -> str:
    """Return a recipe as JSON text for people."""
    return json.dumps(recipe.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
