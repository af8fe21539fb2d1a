"""What a product must look like: the recipe, strict and versioned."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from aoi_app.core.changeover import Changeover
from aoi_app.core.components import BoardFrame, Component
from aoi_app.core.errors import RecipeError
from aoi_app.core.rules import ClassRule, Confidence, OneLine, Positive, Region, Strict
from aoi_app.core.validation import named_fields, twice_named

SCHEMA_VERSION = 2
"""1: no regions by class, components, changeover and opportunities. Its files still load."""
MAX_WIDTH_PX = 16_384
MAX_LENGTH_LINES = 65_536
MAX_OPPORTUNITIES = 10_000_000
MAX_FILE_BYTES = 64 << 20
"""Of a recipe: one with fifty thousand components has fifteen."""

__all__ = ["ClassRule", "Confidence", "Positive", "Recipe", "Region", "load_recipe", "parse_recipe", "recipe_text"]


class Recipe(Strict):
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
        Image file of the defect-free board: a path, or a name in the station's archive; empty for none.
    golden_sha256
        SHA-256 of that file; empty where it is not checked.
    align_golden
        Register the golden board to each scan (shift, rotation, stretch) and refuse a scan that does not show it;
        otherwise both must come in the same geometry.
    rules
        Rule by class name; `default_rule` judges the rest.
    regions, ignore_regions
        Where other rules hold, and what is not judged; pixels of the golden board.
    components, component_frame
        What a defect is named by, and how it lies on the golden board.
    changeover
        Which codes ask for this recipe.
    opportunities
        Opportunities for a defect on one board as the engineer counted them; None counts the components'.
    verdict_budget_ms
        So long after the last line the verdict must stand: what runtimes are compared under, and what an engine
        must keep to before it goes on the line. None sets no limit.
    gpu_memory_budget_mib
        What an engine may take of the GPU's memory, MiB. None sets no limit.
    """

    schema_version: Literal[2] = 2
    name: Annotated[str, Field(min_length=1, max_length=80, pattern=r"\S"), OneLine] = "default"
    revision: Annotated[int, Field(strict=True, ge=0)] = 0
    product: Annotated[str, Field(max_length=80), OneLine] = ""
    model: Annotated[str, Field(max_length=1_000), OneLine] = ""
    golden: Annotated[str, Field(max_length=1_000), OneLine] = ""
    golden_sha256: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")] = ""
    align_golden: bool = False
    pixel_size_um: tuple[Positive, Positive] | None = None
    width_px: Annotated[int, Field(strict=True, ge=1, le=MAX_WIDTH_PX)] | None = None
    min_lines: Annotated[int, Field(strict=True, ge=1, le=MAX_LENGTH_LINES)] = 1
    max_lines: Annotated[int, Field(strict=True, ge=1, le=MAX_LENGTH_LINES)] = 16_384
    default_rule: ClassRule = ClassRule()
    rules: dict[str, ClassRule] = Field(default_factory=dict)
    ignore_regions: tuple[Region, ...] = ()
    regions: tuple[Region, ...] = ()
    components: tuple[Component, ...] = ()
    component_frame: BoardFrame = BoardFrame()
    changeover: Changeover = Changeover()
    opportunities: Annotated[int, Field(strict=True, ge=1, le=MAX_OPPORTUNITIES)] | None = None
    verdict_budget_ms: Positive | None = None
    gpu_memory_budget_mib: Positive | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_today(cls, data: Any) -> Any:
        """Take over a recipe of an older version: what it does not say has its default."""
        said = data.get("schema_version", SCHEMA_VERSION) if isinstance(data, dict) else SCHEMA_VERSION
        if isinstance(said, int) and said > SCHEMA_VERSION:
            raise ValueError(
                f"schema_version is {said}: a newer station wrote it, this one reads up to {SCHEMA_VERSION}"
            )
        return {**data, "schema_version": SCHEMA_VERSION} if said in range(1, SCHEMA_VERSION) else data

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        if any(region.rules for region in self.ignore_regions):
            raise ValueError("an ignore region has rules of its own; nothing is judged in it")
        counted = Counter(component.reference for component in self.components)
        twice = sorted(reference for reference, n in counted.items() if n > 1)
        if twice:
            raise ValueError(f"components are listed more than once: {', '.join(twice[:5])}")
        return self

    @model_validator(mode="after")
    def _lengths_in_order(self) -> Recipe:
        if self.min_lines > self.max_lines:
            raise ValueError(f"min_lines is {self.min_lines}, more than max_lines, {self.max_lines}")
        return self

    @property
    def title(self) -> str:
        """What it is called in the audit and in the log."""
        return f"recipe {self.name}, revision {self.revision}"

    @property
    def line_size(self) -> tuple[int | None, int]:
        """What the camera and its buffers are set to: width in pixels and longest board in lines."""
        return self.width_px, self.max_lines

    def rule(self, defect_code: str) -> ClassRule:
        """Return the rule for a class."""
        return self.rules.get(defect_code, self.default_rule)

    def region_at(self, defect_code: str, x: float, y: float) -> Region | None:
        """Return the smallest inspection region for a class that holds a place of the golden board."""
        holding = (r for r in self.regions if r.is_for(defect_code) and r.contains(x, y))
        return min(holding, key=lambda region: region.area, default=None)

    def rule_at(self, defect_code: str, x: float, y: float) -> ClassRule | None:
        """Return the rule for a class at a place of the golden board; None where it is not judged."""
        code = self.changeover.code_region
        if code is not None and code.contains(x, y):
            return None
        if any(r.is_for(defect_code) and r.contains(x, y) for r in self.ignore_regions):
            return None
        rule, region = self.rule(defect_code), self.region_at(defect_code, x, y)
        if region is None:
            return None if rule.only_in_regions else rule
        return region.rules.get(defect_code, rule)

    @property
    def limits_sizes(self) -> bool:
        """Whether any rule leaves small defects out, for which it needs the pixel size."""
        regional = (rule for region in self.regions for rule in region.rules.values())
        return any(rule.min_size_um > 0 for rule in (self.default_rule, *self.rules.values(), *regional))

    @property
    def lowest_confidence(self) -> float:
        """The least confidence that any class still counts from: what the detector must deliver."""
        regional = (rule for region in self.regions for rule in region.rules.values())
        return min(r.min_confidence for r in (self.default_rule, *self.rules.values(), *regional))

    def counting_from(self, confidence: float) -> Recipe:
        """Return this recipe with one least confidence, 0 to 1, for every class and region."""

        def rules_of(rules: Mapping[str, ClassRule]) -> dict[str, ClassRule]:
            return {code: rule.model_copy(update={"min_confidence": confidence}) for code, rule in rules.items()}

        regions = tuple(region.model_copy(update={"rules": rules_of(region.rules)}) for region in self.regions)
        default = self.default_rule.model_copy(update={"min_confidence": confidence})
        return self.model_copy(update={"default_rule": default, "rules": rules_of(self.rules), "regions": regions})

    @property
    def named_classes(self) -> frozenset[str]:
        """The classes that it says anything about by their names."""
        areas = (*self.regions, *self.ignore_regions)
        return frozenset(self.rules) | {code for area in areas for code in (*area.classes, *area.rules)}

    @property
    def opportunity_count(self) -> int | None:
        """Opportunities for a defect on one board; None where neither the engineer nor the components tell.

        IPC-9261A: one a component, one a placement, one a termination.
        """
        if self.opportunities is not None:
            return self.opportunities
        joints = [component.terminations for component in self.components]
        known = [n for n in joints if n is not None]
        return 2 * len(joints) + sum(known) if joints and len(known) == len(joints) else None

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
        twice = twice_named(text)
        if twice:
            raise RecipeError(
                f"{origin} cannot be used: it says {', '.join(twice)} more than once.", "Leave one of each."
            )
        return Recipe.model_validate_json(text)
    except ValidationError as error:
        what = f"{origin} cannot be used: {named_fields(error)}."
        raise RecipeError(what, "Correct these fields and load it again.") from error


def load_recipe(path: Path) -> Recipe:
    """Read a recipe file (JSON, UTF-8). Raises RecipeError."""
    try:
        if path.exists() and not path.is_dir() and (not path.is_file() or path.stat().st_size > MAX_FILE_BYTES):
            raise RecipeError(
                f"{path} is no recipe: it is no file, or has more than {MAX_FILE_BYTES:,} bytes.",
                "Give the path of a recipe file.",
            )
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror}.", "Give the path of a recipe file.") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is no recipe: it is not UTF-8 text.", "Give the path of a recipe file.") from error
    return parse_recipe(text, str(path))


def recipe_text(recipe: Recipe) -> str:
    """Return a recipe as JSON text for people."""
    return json.dumps(recipe.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
