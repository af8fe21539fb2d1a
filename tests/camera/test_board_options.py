"""What the options of a camera do to boards: gap policy and transport."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from aoi_app.camera.assembler import BoardAssembler, BoardEvent
from aoi_app.camera.board_options import BoardOptions, GapPolicy, Transport
from aoi_app.camera.drivers import OPTIONS
from aoi_app.camera.option_fields import BOARD_FIELDS, check_board_fields
from aoi_app.camera.ring import BufferRing
from aoi_app.core.errors import FeatureError
from aoi_app.core.scan import LineBlock, LinesIn, ScanEnd
from tests.camera.test_assembler import HEIGHT, WIDTH, cut, ends, picture

ABORT = BoardOptions(gap_policy=GapPolicy.ABORT)
REVERSE = BoardOptions(transport=Transport.REVERSE)


def run(options: BoardOptions, blocks: Iterable[LineBlock], slots: int = 8) -> list[BoardEvent]:
    target = BoardAssembler(BufferRing(slots, 200 * WIDTH), HEIGHT, options=options)
    return [event for block in blocks for event in target.feed(block)]


def three_boards(encoder: bool = True) -> list[list[LineBlock]]:
    starts = (1_000, 2_000, 3_000)
    return [cut(picture(57, n), 6 * n, start if encoder else None, f"S{n}") for n, start in enumerate(starts)]


def test_options_are_read_and_what_cannot_be_is_refused() -> None:
    assert BoardOptions.among({}) == BoardOptions(GapPolicy.FILL, Transport.FORWARD)
    assert (
        BoardOptions.among({"gap_policy": "abort", "transport": "reverse", "Gain": 1.0}).gap_policy is GapPolicy.ABORT
    )
    for name in ("gap_policy", "transport"):
        with pytest.raises(FeatureError, match=f"{name} is 'sideways'"):
            BoardOptions.among({name: "sideways"})


def test_the_forms_fields_are_options_of_a_camera_and_hold_when_nothing_is_said() -> None:
    usual = {one.name: one.default for one in BOARD_FIELDS}
    assert usual.keys() <= OPTIONS
    assert BoardOptions.among(usual) == BoardOptions()
    check_board_fields(usual)
    for one in BOARD_FIELDS:
        for value in one.choices:
            check_board_fields(usual | {one.name: value})
        with pytest.raises(FeatureError, match=f"{one.name} is 'sideways'"):
            check_board_fields(usual | {one.name: "sideways"})


@pytest.mark.parametrize("encoder", [True, False])
def test_fill_keeps_the_place_of_what_follows_and_marks_the_gap(encoder: bool) -> None:
    one, two, three = three_boards(encoder)
    got = ends(run(BoardOptions(), [*one, *two[:2], *two[3:], *three]))
    assert [end.completeness.ok for end in got] == [True, False, True]
    assert got[1].completeness.gaps == ((20, 10),) and got[1].completeness.missing_lines == 10
    assert np.array_equal(got[1].image[30:], picture(57, 1)[30:]) and not got[1].image[20:30].any()


@pytest.mark.parametrize("encoder", [True, False])
@pytest.mark.parametrize("fault", ["dropped", "incomplete", "stale", "padded"])
def test_abort_ends_the_board_at_the_gap_and_no_other(fault: str, encoder: bool) -> None:
    if fault == "padded" and not encoder:
        pytest.skip("only the encoder tells of padding")
    one, two, three = three_boards(encoder)
    wrong = {
        "dropped": [*two[:2], *two[3:]],
        "incomplete": [*two[:2], replace(two[2], is_incomplete=True), *two[3:]],
        "stale": [*two[:2], two[1], *two[2:]],
        "padded": [*two[:2], replace(two[2], encoder_end=(two[2].encoder_end or 0) - 4), *two[3:]],
    }[fault]
    got = ends(run(ABORT, [*one, *wrong, *three]))
    assert [end.scan.serial for end in got] == ["S0", "S1", "S2"]
    assert [end.completeness.ok for end in got] == [True, False, True]
    assert "aborted" in got[1].completeness.reasons[-1]
    assert got[1].completeness.lines < 57 and np.array_equal(got[2].image, picture(57, 2))


def test_a_second_gap_in_the_rest_of_an_aborted_board_is_no_board_of_its_own() -> None:
    one, two, three = three_boards()
    got = ends(run(ABORT, [*one, two[0], two[2], *two[4:], *three]))
    assert [end.scan.serial for end in got] == ["S0", "S1", "S2"]


def test_a_board_whose_beginning_was_lost_with_the_end_of_an_aborted_one_is_not_absent() -> None:
    one, two, three = three_boards()
    got = ends(run(ABORT, [*one, two[0], two[2], *three[2:]]))
    assert [end.completeness.ok for end in got] == [True, False, False]
    assert any("leading edge" in reason for reason in got[2].completeness.reasons)


@given(st.sets(st.integers(0, 17)))
def test_with_abort_no_board_that_lost_a_block_is_whole_and_none_is_absent(lost: set[int]) -> None:
    blocks = [block for board in three_boards() for block in board]
    got = ends(run(ABORT, [block for n, block in enumerate(blocks) if n not in lost]))
    whole = {end.scan.serial for end in got if end.completeness.ok}
    assert whole == {f"S{n}" for n in range(3) if not lost & set(range(6 * n, 6 * n + 6))}


def test_reverse_turns_the_board_round_when_it_is_whole() -> None:
    board = picture(57)
    events = run(REVERSE, cut(board[::-1].copy()))
    assert [type(event) for event in events] == [LinesIn, ScanEnd]
    (end,) = ends(events)
    assert end.completeness.ok and np.array_equal(end.image, board)
    assert end.input_hash == xxhash.xxh3_128(board.tobytes()).hexdigest()


def test_reverse_turns_the_gaps_round_as_well() -> None:
    board = picture(57)
    blocks = cut(board[::-1].copy())
    (end,) = ends(run(REVERSE, [*blocks[:2], *blocks[3:]]))
    assert end.completeness.gaps == ((27, 10),)
    assert np.array_equal(end.image[:27], board[:27]) and not end.image[27:37].any()
    assert np.array_equal(end.image[37:], board[37:])


def test_reverse_without_a_free_buffer_is_an_error_as_well() -> None:
    got = ends(run(REVERSE, [*cut(picture(57)), *cut(picture(57), 6, 2_000)], slots=1))
    assert [end.completeness.ok for end in got] == [True, False] or got[1].completeness.lines == 57
