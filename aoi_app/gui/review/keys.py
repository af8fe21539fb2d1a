"""What a reviewer can do, as a table: decision, key, look. Pedals are keyboards: each act is one key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aoi_app.core.inspection import Verification


@dataclass(frozen=True, slots=True)
class Act:
    """One act.

    Attributes
    ----------
    name
        What it is called in the settings.
    key
        Default key, as Qt writes it.
    state
        What it makes of the defect; None for an act that decides nothing.
    """

    name: str
    text: str
    icon: str
    key: str
    state: Verification | None = None


ACTS = (
    Act("confirm", "Confirmed", "error", "1", Verification.DEFECT_CONFIRMED),
    Act("reject", "False call", "check", "2", Verification.DEFECT_REJECTED),
    Act("accept", "Accepted", "board", "3", Verification.DEFECT_ACCEPTED),
    Act("undo", "Undo", "undo", "Backspace"),
    Act("skip", "Next", "next", "Space"),
    Act("compare", "Compare", "follow", "C"),
)


REPAIRS = (
    Act("repair", "Repaired", "repair", "4", Verification.DEFECT_REPAIRED),
    Act("close", "Closed", "closed", "5", Verification.DEFECT_CLOSED),
)
"""What a repair station says of a defect that review has confirmed, on the record of its board."""

UNDO = next(act for act in ACTS if act.name == "undo")
AT_ONCE = (ACTS, (*REPAIRS, UNDO))
"""Acts that are open at the same time: each has a key of its own among them."""


def keys_of(changed: Mapping[str, str]) -> dict[str, str]:
    """Return the key of each act: the default one, unless the settings have another."""
    return {act.name: changed.get(act.name) or act.key for act in (*ACTS, *REPAIRS)}
