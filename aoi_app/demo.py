"""What goes with each simulated line: a recipe, a camera set-up and stop rules that fit its boards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aoi_app.core.scan import PixelFormat
from aoi_app.core.settings import CameraSettings
from aoi_app.storage.record_settings import USUAL, RecordSettings
from aoi_app.storage.stop_rules import StopRules


@dataclass(frozen=True, slots=True)
class Demo:
    """A demonstration line."""

    recipe: str
    pixel_format: PixelFormat
    options: Mapping[str, int | float | str | bool] = field(default_factory=dict)


DEMOS: Mapping[str, Demo] = {
    "simulated": Demo("demo-bare", PixelFormat.MONO8),
    "simulated:assembled": Demo("demo-assembled", PixelFormat.RGB8, {"colour": True}),
    "simulated:bare": Demo("demo-bare", PixelFormat.MONO8),
}

ANY_BOARD = "any-board"
"""Recipe of a line that has none of its own yet: no regions, no components, no sizes."""
SHIPPED = frozenset((ANY_BOARD, *(demo.recipe for demo in DEMOS.values())))
"""Names of the recipes that come with the program."""

DEMO_RECORD = RecordSettings(
    stop_rules=StopRules(min_first_pass_yield=0.5, yield_boards=50, max_reject_rate=0.5),
    whole_boards="failed",
    whole_boards_gib=1.0,
)


def at_source(camera: CameraSettings, source: str) -> CameraSettings:
    """Return camera settings for another source: what is known of it, and nothing of the one before."""
    demo = DEMOS.get(source)
    if demo is None:
        return CameraSettings(source=source, line_rate=camera.line_rate, height=camera.height)
    return camera.model_copy(
        update={"source": source, "pixel_format": demo.pixel_format, "options": dict(demo.options)}
    )


def recipe_of(source: str, current: str) -> str:
    """Return the name of the recipe that goes with a source; `current` where that is a plant's own.

    The recipe of a demonstration knows its own boards: on others its ignored regions would hide defects, and its
    components would be named in places where there are none.
    """
    demo = DEMOS.get(source)
    if demo is None:
        return ANY_BOARD if current in SHIPPED else current
    return demo.recipe


def source_of(recipe: str) -> str:
    """Return the simulated line whose boards a recipe is for; empty for a recipe of a plant's own."""
    return next((source for source, demo in DEMOS.items() if demo.recipe == recipe and ":" in source), "")


def record_of(source: str) -> RecordSettings:
    """Return how the record of a source is kept unless `record.json` says otherwise.

    A demonstration draws a defect on one board in four, on purpose: the rules of a plant would give alarm all day.
    Failed boards are kept whole, so that they can be inspected again, in no more room than anybody can spare.
    """
    return DEMO_RECORD if source.partition(":")[0] == "simulated" else USUAL
