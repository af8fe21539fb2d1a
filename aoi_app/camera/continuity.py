"""Line-loss check: does a block follow the one before it, and which of its lines are the camera's own? Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from aoi_app.core.scan import LineBlock


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is known of a block that came in.

    Attributes
    ----------
    is_stale
        An old block over again: it takes no place in the board.
    blocks_lost
        Blocks that never came, by frame id.
    gap
        Lines lost between the block before and this one. Before the first block of a board they belong to the board
        before, or to one that nobody saw.
    usable
        Leading lines of the block that are the camera's own; the rest is padding, or belongs elsewhere.
    at_border
        More lines went by than the lost blocks could hold: one board ended and another began in the gap.
    reasons
        What is wrong, in sentences for a person; empty when nothing is.
    """

    is_stale: bool = False
    blocks_lost: int = 0
    gap: int = 0
    usable: int = 0
    at_border: bool = False
    reasons: tuple[str, ...] = ()


class Continuity:
    """Follows frame ids and encoder counts from block to block.

    Parameters
    ----------
    height
        Lines of a whole block: what each lost block is taken to have held.
    """

    def __init__(self, height: int) -> None:
        self._height = height
        self.reset()

    def reset(self) -> None:
        """Forget what came before: a new acquisition numbers its blocks anew."""
        self._last_id: int | None = None
        self._next_encoder: int | None = None
        # lines that the last blocks announced but did not hold; the next good block's gap makes up for them
        self._owed = 0

    def check(self, block: LineBlock) -> Arrival:
        """Place a block after those before it. Call once for every block, in the order in which they came."""
        last = self._last_id
        if last is not None and block.frame_id <= last:
            return Arrival(is_stale=True, reasons=(f"block {block.frame_id} is stale: it came after block {last}",))
        blocks_lost = 0 if last is None else block.frame_id - last - 1
        self._last_id = block.frame_id
        if block.starts_board:
            return self._first(block, blocks_lost)
        if block.is_incomplete:
            return self._incomplete(block, blocks_lost)
        return self._inside(block, blocks_lost)

    @property
    def owed(self) -> int:
        """Lines that the last blocks announced but did not hold."""
        return self._owed

    def settle(self) -> int:
        """Return the lines that are owed at the end of a board, and forget where its next line was due."""
        owed, self._owed, self._next_encoder = self._owed, 0, None
        return owed

    def _first(self, block: LineBlock, blocks_lost: int) -> Arrival:
        gap = blocks_lost * self._height + self.settle()
        if block.is_incomplete:
            return replace(self._incomplete(block, 0), blocks_lost=blocks_lost, gap=gap)
        reasons: list[str] = []
        usable = self._own_lines(block, reasons)
        return Arrival(blocks_lost=blocks_lost, gap=gap, usable=usable, reasons=(*reasons,))

    def _incomplete(self, block: LineBlock, blocks_lost: int) -> Arrival:
        # Neither pixels nor encoder of such a block can be trusted: the next good block tells where it stands.
        lines = block.lines or (0 if block.problem else self._height)
        self._owed += lines + blocks_lost * self._height
        reasons = [block.problem or f"block {block.frame_id} is incomplete ({lines} lines)"]
        if blocks_lost:
            reasons.append(_lost(blocks_lost, block))
        return Arrival(blocks_lost=blocks_lost, reasons=(*reasons,))

    def _inside(self, block: LineBlock, blocks_lost: int) -> Arrival:
        by_id = blocks_lost * self._height + self._owed
        reasons = []
        if blocks_lost:
            reasons.append(_lost(blocks_lost, block))
        if block.encoder is None or self._next_encoder is None:
            usable = self._own_lines(block, reasons)
            return Arrival(blocks_lost=blocks_lost, gap=by_id, usable=usable, reasons=(*reasons,))
        by_encoder = block.encoder - self._next_encoder
        if by_encoder < 0:
            reasons.append(
                f"block {block.frame_id} is stale: its encoder count is {block.encoder}, "
                f"at least {self._next_encoder} is due, unless the conveyor ran backwards"
            )
            self._owed = by_id + block.lines
            return Arrival(blocks_lost=blocks_lost, reasons=(*reasons,))
        if by_encoder != by_id:
            reasons.append(
                f"before block {block.frame_id} the encoder counted {by_encoder} lines that did not come, "
                f"the frame ids tell of {by_id}"
            )
        usable = self._own_lines(block, reasons)
        return Arrival(
            blocks_lost=blocks_lost,
            gap=by_encoder,
            usable=usable,
            at_border=blocks_lost > 0 and by_encoder > by_id,
            reasons=(*reasons,),
        )

    def _own_lines(self, block: LineBlock, reasons: list[str]) -> int:
        """Return how many leading lines are the camera's own; note what is owed after them."""
        usable, self._owed = block.lines, 0
        if block.encoder is None:
            self._next_encoder = None
            if block.lines < self._height and not block.ends_board:
                self._owed = self._height - block.lines
                reasons.append(f"block {block.frame_id} is short: {block.lines} of {self._height} lines")
            return usable
        self._next_encoder = block.encoder + block.lines
        if block.encoder_end is None:
            return usable
        counted = max(0, block.encoder_end - block.encoder)
        if counted < block.lines:
            reasons.append(
                f"block {block.frame_id} is padded: it holds {block.lines} lines, the encoder counted {counted}"
            )
            usable, self._next_encoder = counted, block.encoder + counted
        elif counted > block.lines:
            reasons.append(f"block {block.frame_id} lost lines: it holds {block.lines}, the encoder counted {counted}")
        self._owed = abs(counted - block.lines)
        return usable


def _lost(blocks: int, block: LineBlock) -> str:
    return f"{blocks} {'block was' if blocks == 1 else 'blocks were'} lost before block {block.frame_id}"
