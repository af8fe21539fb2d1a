"""Ready-made plans: what was found to work, by name."""

from __future__ import annotations

from dataclasses import replace

from aoi_app.boards import BARE_CODES
from aoi_app.inference.card import Channels
from aoi_app.training.augment import Augmentation
from aoi_app.training.plan import Plan

_NEGATIVE = {"open": "short", "short": "open", "mousebite": "spur", "spur": "mousebite", "copper": "pin-hole",
             "pin-hole": "copper"}  # fmt: skip
"""In the negative of a bare board copper and laminate change places, and so do its defects."""

SCHEDULES = {
    "quick": Plan(steps=1500, epoch_steps=250),
    "standard": Plan(steps=12000, epoch_steps=1000),
    "long": Plan(steps=40000, epoch_steps=2000),
}


def plan_for(
    schedule: str, classes: tuple[str, ...], channels: Channels, *, margin: float = 0.0, offset: float = 0.0
) -> Plan:
    """Return the plan of a schedule with the augmentation that fits the data.

    Parameters
    ----------
    margin, offset
        How the labels were drawn; see `Augmentation`.
    """
    bare = classes == BARE_CODES
    golden = channels is Channels.GREY_GOLDEN
    augmentation = Augmentation(
        invert=0.3 if bare else 0.0,
        swaps=tuple(classes.index(_NEGATIVE[name]) for name in classes) if bare else (),
        golden=golden,
        golden_missing=0.5 if golden else 0.0,
        margin=margin,
        offset=offset,
    )
    return replace(SCHEDULES[schedule], augmentation=augmentation)
