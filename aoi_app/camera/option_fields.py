"""The options of every camera that a person sets in a form; the rest is for one driver, or for the camera's page."""

from __future__ import annotations

from collections.abc import Mapping

from aoi_app.camera.board_options import BoardOptions, GapPolicy, Transport
from aoi_app.camera.channel_aligner import offsets_of
from aoi_app.core.options import Option, OptionField

BOARD_FIELDS = (
    OptionField(
        "gap_policy",
        "When lines are lost",
        GapPolicy.FILL.value,
        choices={GapPolicy.FILL.value: "fill with black rows", GapPolicy.ABORT.value: "end the board"},
        note="A board that loses lines is ERROR either way; filled, what was seen of it is still inspected.",
    ),
    OptionField(
        "transport",
        "Transport",
        Transport.FORWARD.value,
        choices={Transport.FORWARD.value: "first line first", Transport.REVERSE.value: "last line first"},
        note="Boards that come last line first are turned round when they are whole; their verdict comes later.",
    ),
    OptionField(
        "row_offsets",
        "Colour rows",
        "",
        note="Lines by which red, green and blue of a tri-linear sensor come late, such as 0,8,16; empty otherwise.",
    ),
)
"""How boards are put together, whichever camera sees them."""


def check_board_fields(options: Mapping[str, Option]) -> None:
    """Check the options of `BOARD_FIELDS` as far as it goes without the camera. Raises FeatureError."""
    BoardOptions.among(options)
    offsets_of(options)
