"""From a driver's buffer to a line block: stages, frame ids and gate of one camera, the same for every driver."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from aoi_app.camera.board_options import one_of
from aoi_app.camera.channel_aligner import ChannelAligner, row_offsets
from aoi_app.camera.encoder import EncoderCount, TriggerCount
from aoi_app.camera.flat_field import Conditions
from aoi_app.camera.frame_ids import FrameIds
from aoi_app.camera.gate import BoardEnd, BoardGate, CameraBlock
from aoi_app.camera.stages import Option, Stages
from aoi_app.core.errors import CameraLost
from aoi_app.core.protocols import AcquisitionConfig
from aoi_app.core.scan import LineBlock

SILENCE_S, SILENT_BLOCKS = 5.0, 10
"""A stream that waits for no trigger delivers at all times: nothing for so long, and for so many blocks, is its end."""
SLOW_LINES = 1_000.0
"""Lines per second that are reckoned with where nothing tells of the pace."""


class Intake:
    """Takes the buffers of one camera.

    Parameters
    ----------
    applied
        How the camera really runs.
    pixel_format
        Its PFNC name.
    options
        `board_end` (see `BoardEnd`), `board_lines`, `board_quiet_s`, `sensor_bit`; `encoder_divider`, counts of the
        encoder from line to line, 0 where it does not trigger them, and `encoder_counts_down`; those of `Stages` and
        `row_offsets`; and `silence_s`: a stream from which nothing has come for so long has died (0: it may rest).
    encoder_divider
        When the options do not tell.
    rests
        Whether the stream may be silent for as long as it likes, when the options do not tell.
    clock_s
        Monotonic seconds.

    Raises
    ------
    FeatureError
        An option that cannot be.
    CameraError
        The flat field does not hold for these settings.
    """

    def __init__(
        self,
        applied: AcquisitionConfig,
        pixel_format: str,
        options: Mapping[str, Option],
        encoder_divider: float = 1,
        rests: bool = True,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        conditions = Conditions(
            applied.width or 0,
            pixel_format,
            applied.exposure_time_us,
            applied.gain_db,
            applied.acquisition_line_rate,
        )
        self.conditions = conditions
        self._stages = Stages(conditions, applied.height, options)
        self._height = applied.height
        self._board_lines = int(options.get("board_lines", 0))
        end = options.get("board_end", BoardEnd.LENGTH.value if self._board_lines else "")
        self._end = one_of(BoardEnd, "board_end", end) if end else None
        self._divider = float(options.get("encoder_divider", encoder_divider))
        self._counts_down = bool(options.get("encoder_counts_down", False))
        self._row_offsets = row_offsets(options, applied.pixel_format)
        self._quiet_s = float(options.get("board_quiet_s", 0.5))
        self._sensor_bit = 1 << int(options.get("sensor_bit", 0))
        block_s = applied.height / (applied.acquisition_line_rate or SLOW_LINES)
        self._silence_s = float(options.get("silence_s", 0.0 if rests else max(SILENCE_S, SILENT_BLOCKS * block_s)))
        self._clock_s = clock_s
        self.restart()

    def restart(self) -> None:
        """Begin a new acquisition."""
        self._ids = FrameIds()
        self._heard_s = self._clock_s()
        self._gate = BoardGate(self._height, self._end, board_lines=self._board_lines, quiet_s=self._quiet_s)
        self._encoder = EncoderCount(self._divider, self._counts_down) if self._divider else None
        self._triggers = TriggerCount(self._height)
        self._aligner = ChannelAligner(self._row_offsets) if any(self._row_offsets) else None

    def take(
        self,
        data: NDArray[np.uint8],
        frame_id: int,
        timestamp_ns: int,
        *,
        encoder: int | None = None,
        line_triggers: int | None = None,
        line_status: int | None = None,
        part: int | None = None,
    ) -> LineBlock | None:
        """Take a whole buffer, of which nothing is kept; return the block that can be delivered, if any.

        Parameters
        ----------
        data
            (n,) uint8, the bytes of the image; only whole lines count.
        frame_id
            As the camera gave it.
        encoder, line_triggers, line_status, part
            Chunks of the block, where the camera sends them; see `CameraBlock`.
        """
        self._heard_s = self._clock_s()
        number = self._ids.unwrap(frame_id)
        first_line = None
        if encoder is not None and self._encoder is not None:
            first_line = self._encoder.lines(encoder)
        elif encoder is None and line_triggers is not None:
            first_line = self._triggers.first_line(number, line_triggers)
        block = self._gate.apply(
            CameraBlock(
                pixels=self._stages(data),
                frame_id=number,
                timestamp_ns=timestamp_ns,
                encoder=first_line,
                line_triggers=line_triggers,
                board_present=None if line_status is None else bool(line_status & self._sensor_bit),
                part=part,
            )
        )
        return self._aligned(block)

    def miss(self) -> None:
        """Note that a block came that is incomplete, and cannot be used."""
        self._gate.miss()

    def quiet(self) -> LineBlock | None:
        """Return the last block of a board whose end shows only by nothing more coming; None otherwise.

        Raises
        ------
        CameraLost
            The stream has been silent for longer than it may.
        """
        if self._silence_s and self._clock_s() - self._heard_s > self._silence_s:
            raise CameraLost(
                f"Nothing has come from the camera for {self._silence_s:g} s.", "Check cable, power and triggers."
            )
        return self._aligned(self._gate.quiet())

    def _aligned(self, block: LineBlock | None) -> LineBlock | None:
        return block if block is None or self._aligner is None else self._aligner(block)
