"""Boards out of blocks: whole ones pass untouched, and nothing that is missing goes unsaid."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
import xxhash

from aoi_app.camera.assembler import NO_SLOT, BoardAssembler, BoardEvent
from aoi_app.camera.ring import BufferRing
from aoi_app.core.errors import CameraError
from aoi_app.core.scan import LineBlock, LinesIn, PixelFormat, Pixels, ScanEnd

WIDTH, HEIGHT = 32, 10


class Clock:
    """Monotonic nanoseconds, moved by hand."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


def picture(lines: int, seed: int = 0, width: int = WIDTH) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (lines, width), dtype=np.uint8)


def cut(board: Pixels, first_id: int = 0, encoder: int | None = 1_000, serial: str | None = "S1") -> list[LineBlock]:
    starts = range(0, len(board), HEIGHT)
    return [
        LineBlock(
            pixels=board[at : at + HEIGHT],
            frame_id=first_id + n,
            timestamp_ns=at,
            encoder=None if encoder is None else encoder + at,
            encoder_end=None if encoder is None else encoder + min(at + HEIGHT, len(board)),
            starts_board=at == 0,
            ends_board=at + HEIGHT >= len(board),
            serial=serial if at == 0 else None,
        )
        for n, at in enumerate(starts)
    ]


def assembler(slots: int = 2, lines: int = 200, clock: Clock | None = None) -> BoardAssembler:
    ring = BufferRing(slots, lines * WIDTH)
    return BoardAssembler(ring, HEIGHT, timeout_s=1.0, monotonic_ns=clock or Clock())


def feed(target: BoardAssembler, blocks: Iterable[LineBlock]) -> list[BoardEvent]:
    return [event for block in blocks for event in target.feed(block)]


def ends(events: Iterable[BoardEvent]) -> list[ScanEnd]:
    return [event for event in events if isinstance(event, ScanEnd)]


def one_end(events: Iterable[BoardEvent]) -> ScanEnd:
    (end,) = ends(events)
    return end


@pytest.mark.parametrize("encoder", [1_000, None])
@pytest.mark.parametrize("lines", [1, HEIGHT, 57, 200])
def test_a_whole_board_is_complete_and_equal(lines: int, encoder: int | None) -> None:
    board = picture(lines)
    events = feed(assembler(), cut(board, encoder=encoder))
    end = one_end(events)
    assert end.completeness.ok and end.completeness.lines == lines
    assert np.array_equal(end.image, board)
    assert end.input_hash == xxhash.xxh3_128(board.tobytes()).hexdigest()
    assert end.scan.serial == "S1" and not end.image.flags.writeable
    announced = [e.lines for e in events if isinstance(e, LinesIn)]
    assert announced == [min(n, lines) for n in range(HEIGHT, lines + HEIGHT, HEIGHT)]


@pytest.mark.parametrize(
    ("serial", "name"),
    [("A1\nERROR record: forged", "A1ERROR record: forged"), ("\x1b[2JA1\udcff", "[2JA1"), ("A" * 5000, "A" * 255)],
)
def test_a_serial_number_is_one_line_that_a_record_takes(serial: str, name: str) -> None:
    assert one_end(feed(assembler(), cut(picture(20), serial=serial))).scan.serial == name


def test_a_serial_number_that_nobody_can_see_is_none() -> None:
    unnamed = one_end(feed(assembler(), cut(picture(20), serial="\x1d\n"))).scan.serial
    assert unnamed.endswith("-0001") and unnamed[:8].isdecimal()


def test_lines_that_were_announced_do_not_change_any_more() -> None:
    target, board = assembler(), picture(60)
    seen: list[tuple[LinesIn, bytes]] = []
    for block in cut(board):
        seen += [(e, e.scan.pixels[: e.lines].tobytes()) for e in target.feed(block) if isinstance(e, LinesIn)]
    assert all(event.scan.pixels[: event.lines].tobytes() == then for event, then in seen)


def test_a_lost_block_is_filled_in_place_and_counted() -> None:
    board = picture(57)
    blocks = cut(board)
    del blocks[2]
    end = one_end(feed(assembler(), blocks))
    assert end.completeness.missing_lines == HEIGHT and end.completeness.gaps == ((20, HEIGHT),)
    assert end.completeness.reasons == ("1 block was lost before block 3",)
    assert np.array_equal(end.image[30:], board[30:]) and not end.image[20:30].any()


def test_lost_line_triggers_show_in_the_encoder() -> None:
    board = picture(60)
    blocks = [
        b if b.frame_id < 3 else replace(b, encoder=(b.encoder or 0) + 4, encoder_end=(b.encoder_end or 0) + 4)
        for b in cut(board)
    ]
    end = one_end(feed(assembler(), blocks))
    assert end.completeness.missing_lines == 4
    assert "the encoder counted 4 lines that did not come, the frame ids tell of 0" in end.completeness.reasons[0]


def test_a_short_block_in_a_board_without_encoder() -> None:
    blocks = cut(picture(60), encoder=None)
    blocks[1] = replace(blocks[1], pixels=blocks[1].pixels[:7])
    end = one_end(feed(assembler(), blocks))
    assert end.completeness.missing_lines == 3
    assert end.completeness.reasons == ("block 1 is short: 7 of 10 lines",)


def test_a_short_block_is_whole_when_the_encoder_proves_it() -> None:
    board = picture(57)
    first, *rest = cut(board[7:], first_id=1, encoder=1_007)
    start = LineBlock(board[:7], 0, 0, encoder=1_000, encoder_end=1_007, starts_board=True, serial="S1")
    end = one_end(feed(assembler(), [start, replace(first, starts_board=False), *rest]))
    assert end.completeness.ok and np.array_equal(end.image, board)


@pytest.mark.parametrize("at", [0, 2, 5])
def test_a_padded_block_loses_its_padding(at: int) -> None:
    board = picture(57)
    blocks = cut(board)
    own = blocks[at].lines - 4
    padded = blocks[at].pixels.copy()
    padded[own:] = 0
    blocks[at] = replace(blocks[at], pixels=padded, encoder_end=(blocks[at].encoder or 0) + own)
    end = one_end(feed(assembler(), blocks))
    assert end.completeness.missing_lines == 4
    assert "is padded" in end.completeness.reasons[0]


def test_a_stale_block_takes_no_place() -> None:
    board = picture(60)
    blocks = cut(board)
    blocks[3] = blocks[1]
    end = one_end(feed(assembler(), blocks))
    assert end.completeness.missing_lines == HEIGHT
    assert np.array_equal(end.image[:30], board[:30]) and np.array_equal(end.image[40:], board[40:])
    assert end.completeness.reasons == ("block 1 is stale: it came after block 2", "1 block was lost before block 4")


def test_old_lines_under_a_new_frame_id_are_found_by_the_encoder() -> None:
    board = picture(60)
    blocks = cut(board)
    blocks[3] = replace(blocks[1], frame_id=3)
    end = one_end(feed(assembler(), blocks))
    assert end.completeness.missing_lines == HEIGHT and end.completeness.lines == 60
    assert (
        "block 3 is stale: its encoder count is 1010, at least 1030 is due, unless the conveyor ran backwards"
        in end.completeness.reasons
    )


@pytest.mark.parametrize("at", [0, 3, 5])
@pytest.mark.parametrize("encoder", [1_000, None])
def test_the_pixels_of_an_incomplete_block_are_never_looked_at(at: int, encoder: int | None) -> None:
    board = picture(57)
    blocks = cut(board, encoder=encoder)
    garbage = np.full_like(blocks[at].pixels, 123)
    blocks[at] = replace(blocks[at], pixels=garbage, is_incomplete=True, encoder=7, encoder_end=8)
    end = one_end(feed(assembler(), blocks))
    assert end.completeness.missing_lines == len(garbage)
    assert not (end.image == 123).all(axis=1).any()
    assert f"block {at} is incomplete" in end.completeness.reasons[0]


def test_a_driver_that_knows_why_is_quoted() -> None:
    block = LineBlock(np.zeros((0, 16), np.uint8), 0, 0, is_incomplete=True, starts_board=True, ends_board=True,
                      problem="x.png is cut short")  # fmt: skip
    end = one_end(assembler().feed(block))
    assert end.completeness.reasons == ("x.png is cut short",) and end.completeness.lines == 0


def test_a_board_without_end_ends_when_the_next_begins() -> None:
    target = assembler()
    first, second = cut(picture(40)), cut(picture(40, 1), first_id=4, encoder=9_000, serial="S2")
    bad, good = ends(feed(target, [*first[:-1], *second]))
    assert bad.completeness.reasons == ("its trailing edge was not seen before the next board began",)
    assert bad.completeness.missing_lines == HEIGHT
    assert good.completeness.ok and good.scan.serial == "S2"


def test_a_board_without_beginning_is_an_error_not_absent() -> None:
    end = one_end(feed(assembler(), cut(picture(40))[1:]))
    assert end.completeness.reasons == ("its leading edge was not seen",)


def test_end_and_beginning_lost_together_make_two_boards() -> None:
    first, second = cut(picture(40)), cut(picture(40, 1), first_id=4, encoder=9_000)
    got = ends(feed(assembler(), [*first[:3], *second[1:]]))
    assert [e.completeness.reasons[0] for e in got] == [
        "its trailing edge was not seen",
        "its leading edge was not seen",
    ]
    assert got[1].completeness.lines == 30


def test_blocks_lost_between_boards_may_have_been_a_board() -> None:
    first, third = cut(picture(40)), cut(picture(40), first_id=8, encoder=9_000)
    whole, unseen, last = ends(feed(assembler(), [*first, *third]))
    assert whole.completeness.ok and last.completeness.ok
    assert unseen.completeness.missing_lines == 40 and "unseen" in unseen.completeness.reasons[0]
    assert unseen.scan.slot == NO_SLOT


def test_a_board_longer_than_its_buffer_is_truncated_and_says_so() -> None:
    end = one_end(feed(assembler(lines=50), cut(picture(83))))
    assert end.completeness.lines == 50 and end.completeness.missing_lines == 33
    assert end.completeness.reasons == ("the board is longer than 50 lines, the most that the recipe allows",)


def test_without_a_free_buffer_the_board_still_has_its_end() -> None:
    target = assembler(slots=1)
    held = one_end(feed(target, cut(picture(40))))
    lost = one_end(feed(target, cut(picture(40), first_id=4)))
    assert lost.scan.slot == NO_SLOT and lost.completeness.missing_lines == 40
    assert lost.completeness.reasons[0].startswith("no free buffer")
    assert lost.scan.serial == "S1" and lost.image.shape == (0, WIDTH)
    del held
    assert one_end(feed(target, cut(picture(40), first_id=8))).completeness.ok


def test_a_stalled_board_ends_by_time_and_its_rest_is_not_another_board() -> None:
    clock = Clock()
    target, blocks = assembler(clock=clock), cut(picture(60))
    assert ends(feed(target, blocks[:3])) == []
    assert target.tick() == []
    clock.now += 1_000_000_000
    stalled = one_end(target.tick())
    assert "no lines came for 1 s" in stalled.completeness.reasons[0]
    assert target.tick() == [] and not target.in_board
    assert feed(target, blocks[3:]) == []
    assert one_end(feed(target, cut(picture(40), first_id=6))).completeness.ok


def test_abort_ends_the_board_in_hand_and_expects_new_frame_ids() -> None:
    target = assembler()
    feed(target, cut(picture(60), first_id=500)[:2])
    assert target.in_board
    assert one_end(target.abort("the camera was lost")).completeness.reasons == ("the camera was lost",)
    assert target.abort("again") == []
    assert one_end(feed(target, cut(picture(40)))).completeness.ok


def test_lines_that_nobody_wrote_are_found() -> None:
    calls = 0

    def lossy(to: Pixels, source: Pixels) -> None:
        nonlocal calls
        calls += 1
        np.copyto(to[:6] if calls == 2 else to, source[:6] if calls == 2 else source)

    target = BoardAssembler(BufferRing(1, 100 * WIDTH), HEIGHT, copy=lossy)
    end = one_end(feed(target, cut(picture(40))))
    assert end.completeness.missing_lines == 4
    assert end.completeness.reasons == ("lines were announced that nobody wrote into the buffer",)


def test_a_change_of_width_within_a_board_is_no_line_of_it() -> None:
    blocks = cut(picture(40))
    blocks[2] = replace(blocks[2], pixels=picture(HEIGHT, width=64))
    end = one_end(feed(assembler(), blocks))
    assert end.completeness.missing_lines == HEIGHT and "shape" in end.completeness.reasons[0]


def test_boards_of_other_width_and_format_use_the_same_memory() -> None:
    target = assembler(slots=1)
    for n, shape in enumerate([(40, 64), (40, 16, 3), (40, WIDTH)]):
        board = np.random.default_rng(n).integers(0, 256, shape, dtype=np.uint8)
        end = one_end(feed(target, cut(board, first_id=4 * n)))
        assert end.completeness.ok and np.array_equal(end.image, board)
        assert end.scan.pixel_format is (PixelFormat.RGB8 if board.ndim == 3 else PixelFormat.MONO8)
        del end


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 32), np.uint16), np.zeros((4, 8), np.uint8), np.zeros((4, 32, 4), np.uint8), np.zeros(32, np.uint8),
     np.zeros((1, 16_385), np.uint8)],
)  # fmt: skip
def test_what_is_no_run_of_lines_is_refused(pixels: Pixels) -> None:
    with pytest.raises(CameraError, match="Block 0"):
        assembler().feed(LineBlock(pixels, 0, 0, starts_board=True))


def test_a_camera_that_loses_every_second_block_does_not_flood_the_record() -> None:
    end = one_end(feed(assembler(), [b for b in cut(picture(200)) if b.frame_id % 2 == 0 or b.ends_board]))
    assert end.completeness.missing_lines == 90
    assert len(end.completeness.reasons) == 7 and end.completeness.reasons[-1] == "and 3 more of the kind"


def test_running_names_differ() -> None:
    target = assembler()
    one = one_end(feed(target, cut(picture(40), serial=None)))
    two = one_end(feed(target, cut(picture(40), first_id=4, serial=None)))
    assert one.scan.serial != two.scan.serial and one.scan.board_id != two.scan.board_id
