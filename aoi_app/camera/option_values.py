"""What the options of cameras may be: numbers with their limits, and switches."""

from __future__ import annotations

from collections.abc import Mapping

from aoi_app.core.errors import FeatureError
from aoi_app.core.recipe import MAX_LENGTH_LINES

Option = int | float | str | bool

WHOLE: Mapping[str, tuple[int, int]] = {
    "board_lines": (0, MAX_LENGTH_LINES),
    "sensor_bit": (0, 63),
    "black_level": (0, 65_534),
    "white_level": (1, 65_535),
    "buffers": (0, 4_096),
    "packet_size": (0, 65_535),
    "gap_lines": (0, 1_000_000),
}
"""Name -> least and most of a whole number."""
NUMBERS: Mapping[str, tuple[float, float]] = {
    "board_quiet_s": (0.01, 3_600),
    "silence_s": (0, 86_400),
    "encoder_divider": (0, 1_000_000),
}
SWITCHES = ("encoder_counts_down", "packet_resend", "repeat")


def check_values(options: Mapping[str, Option]) -> None:
    """Raise FeatureError where an option is no number that it may be, or a switch neither true nor false."""
    for name, (least, most) in {**WHOLE, **NUMBERS}.items():
        value = options.get(name, least)
        kinds = int if name in WHOLE else int | float
        if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
            whole = f"Give a whole number from {least:g} to {most:g}."
            hint = whole if name in WHOLE else f"Give a number from {least:g} to {most:g}."
            raise FeatureError(f"The option {name} is {value!r}.", hint)
    for name in SWITCHES:
        if not isinstance(options.get(name, False), bool):
            raise FeatureError(f"The option {name} is {options[name]!r}.", "Give true or false.")
