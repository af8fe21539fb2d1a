from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi_app.camera.assembler import BoardAssembler
from aoi_app.camera.encoder import EncoderCount, TriggerCount
from aoi_app.camera.intake import Intake
from aoi_app.camera.ring import BufferRing
from aoi_app.core.errors import FeatureError
from aoi_app.core.protocols import AcquisitionConfig
from aoi_app.core.scan import ScanEnd

steps = st.lists(st.integers(0, 20_000), max_size=40)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.booleans(), st.booleans(), steps)
def test_lines_follow_from_counts_through_the_wrap(
    first: int, divider: int, downwards: bool, signed: bool, lines: list[int]
) -> None:
    encoder, total = EncoderCount(divider, downwards), 0
    for step in [0, *lines]:
        total += step
        count = (first + (-total if downwards else total) * divider) % 2**32
        assert encoder.lines(count - 2**32 if signed and count >= 2**31 else count) == total


@given(st.lists(st.integers(-1, 1), min_size=1, max_size=20))
def test_a_count_read_a_little_early_or_late_is_the_same_line(jitter: list[int]) -> None:
    encoder = EncoderCount(4)
    encoder.lines(0)
    assert [encoder.lines(400 * n + off) for n, off in enumerate(jitter, 1)] == [
        100 * n for n in range(1, len(jitter) + 1)
    ]


def test_no_counts_a_line_are_refused() -> None:
    with pytest.raises(FeatureError, match="encoder_divider"):
        EncoderCount(0.5)


def test_line_triggers_stand_in_for_an_encoder() -> None:
    triggers = TriggerCount(64)
    assert [triggers.first_line(0, 64), triggers.first_line(1, 70), triggers.first_line(4, 64)] == [0, 64, 134 + 128]


def board(options: dict[str, int | bool], *blocks: dict[str, int]) -> ScanEnd:
    """Run blocks of 4 lines, of which the camera tells these chunks, through intake and assembler."""
    intake = Intake(AcquisitionConfig(width=16, height=4), "Mono8", options)
    assembler = BoardAssembler(BufferRing(2, 1 << 12), 4)
    events = []
    for number, chunks in enumerate(blocks):
        last = number == len(blocks) - 1
        block = intake.take(np.full(64, 7, np.uint8), number + 1, 0, part=number, line_status=int(not last), **chunks)
        assert block is not None
        events += assembler.feed(block)
    (end,) = (event for event in events if isinstance(event, ScanEnd))
    return end


def test_the_divider_makes_counts_lines() -> None:
    counted = [{"encoder": 16 * n, "line_triggers": 4} for n in range(3)]
    assert board({"encoder_divider": 4}, *counted).completeness.ok
    assert not board({}, *counted).completeness.ok
    assert board({"encoder_divider": 0}, *counted).completeness.ok


def test_an_encoder_that_counts_down() -> None:
    counted = [{"encoder": 1_000 - 4 * n} for n in range(3)]
    assert board({"encoder_counts_down": True}, *counted).completeness.ok
    assert "backwards" in " ".join(board({}, *counted).completeness.reasons)


def test_ignored_line_triggers_are_lost_lines_without_an_encoder_too() -> None:
    end = board({}, {"line_triggers": 4}, {"line_triggers": 6}, {"line_triggers": 4})
    assert end.completeness.missing_lines == 2
    assert any("lost lines" in reason for reason in end.completeness.reasons)
