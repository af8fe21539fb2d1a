"""Limits by class, and regions of a board with limits of their own: parts of a recipe."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from aoi_app.core.text import check_one_line

OneLine = AfterValidator(check_one_line)
"""Of names that stand in tables, in the log and in a terminal."""
Confidence = Annotated[float, Field(strict=True, ge=0, le=1)]
Positive = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]


class Strict(BaseModel):
    """A part of a recipe: frozen, and a field that nobody knows is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ClassRule(Strict):
    """How a class of defects is judged.

    Attributes
    ----------
    max_defects
        So many are tolerated, on the board or, for the rule of a region, in that region.
    only_in_regions
        The class is judged in inspection regions that are for it, and nowhere else.
    """

    enabled: bool = True
    min_confidence: Confidence = 0.5
    min_size_um: Annotated[float, Field(strict=True, ge=0)] = 0.0
    max_defects: Annotated[int, Field(strict=True, ge=0)] = 0
    severity: Annotated[int, Field(strict=True, ge=1, le=5)] = 1
    only_in_regions: bool = False


class Region(Strict):
    """A rectangle of the board, pixels of the golden board: x and y of its corner, w across, h along the transport.

    Attributes
    ----------
    classes
        Classes that it is for: judged (or ignored) in it; empty for all.
    rules
        Rules that replace the recipe's own in it, by class.
    """

    name: Annotated[str, OneLine] = ""
    x: Annotated[float, Field(strict=True, ge=0)]
    y: Annotated[float, Field(strict=True, ge=0)]
    w: Positive
    h: Positive
    classes: tuple[str, ...] = ()
    rules: dict[str, ClassRule] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _rules_are_for_its_classes(self) -> Region:
        strangers = sorted(set(self.rules) - set(self.classes)) if self.classes else []
        if strangers:
            raise ValueError(f"it has rules for {', '.join(strangers)}, but is for {', '.join(self.classes)} only")
        return self

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.w * self.h

    def contains(self, x: float, y: float) -> bool:
        """Tell whether the point lies inside."""
        return self.x <= x < self.x + self.w and self.y <= y < self.y + self.h

    def is_for(self, defect_code: str) -> bool:
        """Tell whether the region says anything about a class."""
        return not self.classes or defect_code in self.classes
