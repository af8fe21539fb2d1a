"""Whatever a camera loses: no board is called complete unless every line of it is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aoi_app.camera.assembler import BoardAssembler, BoardEvent
from aoi_app.camera.conveyor import Conveyor, SourceBoard
from aoi_app.camera.fault_plan import Fault, FaultKind, FaultPlan
from aoi_app.camera.ring import BufferRing
from aoi_app.core.scan import LineBlock, LinesIn, ScanEnd

WIDTH = 16
LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=5)
HEIGHTS = st.sampled_from([1, 7, 10, 64])
FAULTS = st.lists(
    st.builds(
        Fault,
        st.sampled_from([k for k in FaultKind if k not in (FaultKind.STALL, FaultKind.VANISH)]),
        st.integers(0, 4),
        st.integers(0, 60),
        st.integers(1, 20),
    ),
    max_size=6,
)


def sources(lengths: list[int]) -> list[SourceBoard]:
    # Every line of every board is unlike every other, so that a line in the wrong place shows.
    numbers = np.arange(sum(lengths) * 2, dtype=np.uint16).view(np.uint8).reshape(-1, 4)
    lines = np.concatenate([numbers[: sum(lengths)], np.full((sum(lengths), WIDTH - 4), 9, np.uint8)], axis=1)
    cuts = np.cumsum([0, *lengths])
    return [SourceBoard(lines[a:b], f"S{n}") for n, (a, b) in enumerate(pairwise(cuts))]


def stream(boards: list[SourceBoard], height: int, faults: list[Fault]) -> list[LineBlock]:
    conveyor = Conveyor(height, 25, FaultPlan(faults), 1.0)
    return [shot.block for n, board in enumerate(boards) for shot in conveyor.run(board, n) if shot.block]


@dataclass
class Result:
    ends: list[ScanEnd]
    begun: set[str]


def run(blocks: list[LineBlock], height: int, capacity: int, slots: int = 6) -> Result:
    target = BoardAssembler(BufferRing(slots, capacity * WIDTH), height, monotonic_ns=lambda: 0)
    events: list[BoardEvent] = [event for block in blocks for event in target.feed(block)]
    events += target.abort("the line was stopped")
    held: dict[str, int] = {}
    for event in events:
        if isinstance(event, LinesIn):
            assert event.lines >= held.get(event.scan.board_id, 0)
            held[event.scan.board_id] = event.lines
    return Result([e for e in events if isinstance(e, ScanEnd)], set(held))


def assert_honest(result: Result, boards: list[SourceBoard]) -> None:
    ids = [end.scan.board_id for end in result.ends]
    assert len(ids) == len(set(ids)) and result.begun <= set(ids)
    pictures = {board.serial: board.pixels for board in boards}
    for end in result.ends:
        if end.completeness.ok:
            picture = pictures[end.scan.serial]
            assert picture is not None and np.array_equal(end.image, picture)


@given(LENGTHS, HEIGHTS)
def test_without_faults_every_board_is_complete(lengths: list[int], height: int) -> None:
    boards = sources(lengths)
    result = run(stream(boards, height, []), height, 60)
    assert [end.completeness.ok for end in result.ends] == [True] * len(boards)
    assert_honest(result, boards)


@settings(max_examples=150)
@given(LENGTHS, HEIGHTS, FAULTS, st.integers(5, 80))
def test_faults_of_the_line_never_pass_for_a_whole_board(
    lengths: list[int], height: int, faults: list[Fault], capacity: int
) -> None:
    boards = sources(lengths)
    assert_honest(run(stream(boards, height, faults), height, capacity), boards)


@settings(max_examples=150)
@given(LENGTHS, HEIGHTS, st.data())
def test_any_sequence_of_blocks_never_passes_for_a_whole_board(
    lengths: list[int], height: int, data: st.DataObject
) -> None:
    boards = sources(lengths)
    blocks = stream(boards, height, [])
    order = data.draw(st.lists(st.integers(0, len(blocks) - 1), max_size=30))
    damaged = []
    for index in order:
        block = blocks[index]
        kind = data.draw(st.sampled_from(["whole", "short", "incomplete", "padded"]))
        lines = data.draw(st.integers(0, block.lines))
        if kind == "short":
            block = replace(block, pixels=block.pixels[:lines])
        elif kind == "incomplete":
            block = replace(block, pixels=np.zeros_like(block.pixels), is_incomplete=True)
        elif kind == "padded":
            block = replace(block, encoder_end=(block.encoder or 0) + lines)
        damaged.append(block)
    assert_honest(run(damaged, height, 60), boards)


@settings(max_examples=100)
@given(LENGTHS, HEIGHTS, st.data())
def test_lost_blocks_are_found_without_an_encoder(lengths: list[int], height: int, data: st.DataObject) -> None:
    boards = sources(lengths)
    blocks = [replace(b, encoder=None, encoder_end=None) for b in stream(boards, height, [])]
    kept = [b for b in blocks if data.draw(st.booleans(), label=f"block {b.frame_id} arrives")]
    result = run(kept, height, 60)
    assert_honest(result, boards)
    whole = {b.serial for b in boards} if len(kept) == len(blocks) else set()
    assert whole <= {end.scan.serial for end in result.ends if end.completeness.ok}


@settings(max_examples=100)
@given(LENGTHS, HEIGHTS, st.integers(1, 3))
def test_when_buffers_run_out_every_board_still_ends_once(lengths: list[int], height: int, slots: int) -> None:
    boards = sources(lengths)
    result = run(stream(boards, height, []), height, 60, slots)
    assert [end.scan.serial for end in result.ends] == [b.serial for b in boards]
    assert [end.completeness.ok for end in result.ends] == [n < slots for n in range(len(boards))]
