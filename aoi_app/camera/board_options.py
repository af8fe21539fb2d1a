"""What happens to a board with lost lines, and from which side boards come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from aoi_app.core.errors import FeatureError

Option = int | float | str | bool
Entry = TypeVar("Entry", bound=Enum)


def one_of(kind: type[Entry], name: str, value: Option) -> Entry:
    """Return the entry of an option's enumeration. Raises FeatureError, which names those there are."""
    try:
        return kind(value)
    except ValueError as error:
        known = ", ".join(str(entry.value) for entry in kind)
        raise FeatureError(f"{name} is {value!r}, which is none of {known}.", "Choose one of these.") from error


class GapPolicy(str, Enum):
    """What is done when lines of a board are lost; its verdict is ERROR either way."""

    FILL = "fill"
    """Black rows stand for them and are marked, so that what follows keeps its place; the rest is inspected."""
    ABORT = "abort"
    """The board ends there; its rest goes by unseen."""


class Transport(str, Enum):
    """Which edge of a board passes the camera first."""

    FORWARD = "forward"
    REVERSE = "reverse"
    """The last line first: the board is turned round when it is whole, so that its verdict comes later."""


@dataclass(frozen=True, slots=True)
class BoardOptions:
    """The options of the assembler among those of a camera."""

    gap_policy: GapPolicy = GapPolicy.FILL
    transport: Transport = Transport.FORWARD

    @staticmethod
    def among(options: Mapping[str, Option]) -> BoardOptions:
        """Return those that are among a camera's options: `gap_policy`, `transport`. Raises FeatureError."""
        return BoardOptions(
            one_of(GapPolicy, "gap_policy", options.get("gap_policy", GapPolicy.FILL.value)),
            one_of(Transport, "transport", options.get("transport", Transport.FORWARD.value)),
        )
