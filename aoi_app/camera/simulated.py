"""The simulated line: boards from any source, delivered as a line-scan camera would."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import replace

import cv2
import numpy as np

from aoi_app.camera.conveyor import Conveyor, Shot, SourceBoard
from aoi_app.camera.fault_plan import FaultPlan
from aoi_app.core.errors import CameraError, CameraLost, CameraNotFound, FeatureError
from aoi_app.core.protocols import AcquisitionConfig, CameraInfo
from aoi_app.core.recipe import MAX_WIDTH_PX
from aoi_app.core.scan import LineBlock, PixelFormat, Pixels, read_only

BoardSource = Callable[[int], SourceBoard | None]
"""Number of the board, from 0 -> the board; None when there are no more. Called in a thread of the camera's own."""

NOMINAL_LINE_RATE = 10_000.0
"""Lines per second of the time stamps of a line that runs as fast as it is consumed."""

POLL_S = 0.01
FIRST_BOARD_S = 60.0


def always_ready() -> bool:
    """Let boards in without asking."""
    return True


class SimulatedCamera:
    """A line-scan camera over a conveyor, without either.

    It keeps the pace of `AcquisitionLineRate`; blocks that were not fetched in time wait, as in a driver with many
    buffers. The next board is drawn or read while the one before goes by; the gap grows when it is late.

    Parameters
    ----------
    source
        Where boards come from.
    gap_lines
        Lines between two boards.
    faults
        What is to go wrong.
    ready
        Whether the station takes another board, as by a SMEMA or Hermes MachineReady line. Asked before each board.
    as_is
        Deliver each board in its own width and pixel format, whatever is configured.
    info
        Who the camera says it is.
    on_pending
        Hears for how many seconds the camera is to ask for more time; see `FaultKind.PENDING`.
    """

    def __init__(
        self,
        source: BoardSource,
        *,
        gap_lines: int = 400,
        faults: FaultPlan | None = None,
        ready: Callable[[], bool] = always_ready,
        as_is: bool = False,
        info: CameraInfo | None = None,
        on_pending: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._source = source
        self._gap_lines = gap_lines
        self._faults = faults or FaultPlan()
        self._ready = ready
        self._as_is = as_is
        self._info = info or CameraInfo("simulated", "simulated", "AOI", "Simulated line", "SIM-0001")
        self._on_pending = on_pending
        self._config = AcquisitionConfig()
        self._pace: Callable[[], float | None] = lambda: None
        self._rate: float | None = None
        self._gone_until = 0.0
        self._is_open = False
        self._lost = False
        self._stopped = threading.Event()
        self._stopped.set()
        self._drawer: ThreadPoolExecutor | None = None
        self._pending: Future[SourceBoard | None] | None = None
        self._number = 0
        self._shots: Iterator[Shot] = iter(())
        self._shot: Shot | None = None
        self._conveyor: Conveyor | None = None
        self._start = 0.0
        self._due = 0.0
        self._exhausted = False

    @property
    def info(self) -> CameraInfo:
        """Who it is."""
        return self._info

    @property
    def exhausted(self) -> bool:
        """Whether the source has no more boards and the last one has been delivered."""
        return self._exhausted

    def hold_to(self, pace: Callable[[], float | None]) -> None:
        """Run no faster than `pace` says, lines per second, asked before each board; None holds it to nothing.

        A line that runs as fast as it is consumed does so all the same.
        """
        self._pace = pace

    @property
    def gone_for_s(self) -> float:
        """Seconds until a camera that has vanished is back; 0 when it is there."""
        return max(0.0, self._gone_until - time.monotonic())

    def open(self) -> None:
        """Take the camera; nothing happens when it is open. Raises CameraNotFound while it has vanished."""
        left = self.gone_for_s
        if left > 0:
            raise CameraNotFound(
                f"The simulated camera does not answer (it is back in {left:.1f} s).", "Wait, or plug it in again."
            )
        if self._drawer is None:
            self._drawer = ThreadPoolExecutor(1, "aoi-boards")
        self._is_open = True
        self._lost = False

    def configure(self, config: AcquisitionConfig) -> AcquisitionConfig:
        """Set line rate, block height, width and pixel format. Raises FeatureError.

        A width below that of the boards crops them; None takes the width of the board that comes next.
        """
        if not self._is_open:
            raise CameraError("The simulated camera was configured before it was opened.", "Open it first.")
        rate = config.acquisition_line_rate
        if rate is not None and not 0 < rate < 1e7:
            raise FeatureError(
                f"AcquisitionLineRate {rate:g} is out of range.", "Give 1 to 10,000,000 lines per second."
            )
        if config.height < 1:
            raise FeatureError(f"Height {config.height} is out of range.", "Give 1 or more lines a block.")
        width = config.width
        if width is None:
            width = self._next_width()
        elif not 16 <= width <= MAX_WIDTH_PX:
            raise FeatureError(f"Width {width} is out of range.", f"Give 16 to {MAX_WIDTH_PX} px.")
        self._config = config
        return replace(config, width=width)

    def start_acquisition(self) -> None:
        """Begin with the next board; frame ids start anew."""
        if not self._is_open:
            raise CameraError("The simulated camera was started before it was opened.", "Open it first.")
        config = self._config
        self._rate = rate = config.acquisition_line_rate
        self._conveyor = Conveyor(config.height, self._gap_lines, self._faults, 1e9 / (rate or NOMINAL_LINE_RATE))
        self._shots, self._shot = iter(()), None
        self._start = time.monotonic()
        self._stopped.clear()

    def fetch(self, timeout_s: float) -> LineBlock | None:
        """Return the next block when it is due, or None. Raises CameraLost, CameraError."""
        if self._lost:
            raise CameraLost("The simulated camera is gone.", "It is looked for again.")
        deadline = time.monotonic() + timeout_s
        while not self._stopped.is_set():
            if self._shot is None:
                self._shot = next(self._shots, None)
                if self._shot is None:
                    if not self._next_board(deadline):
                        return None
                    continue
                self._schedule(self._shot)
            if not self._wait_until(self._due, deadline):
                return None
            shot, self._shot = self._shot, None
            if shot.pending_s:
                self._on_pending(shot.pending_s)
            if shot.vanish_s:
                self._vanish(shot.vanish_s)
            if shot.block is not None:
                return shot.block
        return None

    def stop_acquisition(self) -> None:
        """Stop; what was left of the board in hand goes by unseen."""
        self._stopped.set()

    def close(self) -> None:
        """Let go."""
        self._stopped.set()
        self._is_open = False
        drawer, self._drawer = self._drawer, None
        if drawer is not None:
            drawer.shutdown(wait=True, cancel_futures=True)
        self._pending = None

    def _vanish(self, seconds: float) -> None:
        self._gone_until = time.monotonic() + seconds
        self._lost = True
        self._stopped.set()
        raise CameraLost("The simulated camera is gone.", "It is looked for again.")

    def _schedule(self, shot: Shot) -> None:
        rate = self._rate
        # While it stalls the conveyor halts: everything after comes so much later.
        self._start += shot.stall_s
        self._due = time.monotonic() + shot.stall_s if rate is None else self._start + shot.encoder / rate

    def _wait_until(self, due: float, deadline: float) -> bool:
        now = time.monotonic()
        if due > deadline:
            self._stopped.wait(max(0.0, deadline - now))
            return False
        return not (due > now and self._stopped.wait(due - now))

    def _next_board(self, deadline: float) -> bool:
        """Put the next board on the line; False when there is none yet."""
        if not self._exhausted and self._await_ready(deadline):
            try:
                board = self._board().result(max(0.0, deadline - time.monotonic()))
            except NotYet:
                return False
            self._pending = None
            number, self._number = self._number, self._number + 1
            if board is not None:
                self._place(board, number)
                self._board()
                return True
            self._exhausted = True
            return False
        self._stopped.wait(max(0.0, deadline - time.monotonic()))
        return False

    def _place(self, board: SourceBoard, number: int) -> None:
        conveyor = self._conveyor
        assert conveyor is not None
        rate = self._take_pace(conveyor)
        if rate is not None:
            # A board that comes late widens the gap; it does not rush past the camera.
            late = time.monotonic() - (self._start + conveyor.encoder / rate)
            self._start += max(0.0, late)
        if board.pixels is not None and not self._as_is:
            board = replace(board, pixels=_as_configured(board.pixels, self._config))
        self._shots = conveyor.run(board, number)

    def _take_pace(self, conveyor: Conveyor) -> float | None:
        """Return the line rate of the board that comes now; the gap before it passed at the one before."""
        wanted, before = self._config.acquisition_line_rate, self._rate
        if wanted is None or before is None:
            return None
        rate = min(wanted, self._pace() or wanted)
        if rate != before:
            self._start += conveyor.encoder / before - conveyor.encoder / rate
            self._rate = rate
            conveyor.run_at(1e9 / rate)
        return rate

    def _await_ready(self, deadline: float) -> bool:
        while not self._ready():
            left = deadline - time.monotonic()
            if left <= 0 or self._stopped.wait(min(POLL_S, left)):
                return False
        return True

    def _board(self) -> Future[SourceBoard | None]:
        """Return the board that comes next, being drawn."""
        if self._pending is None:
            assert self._drawer is not None
            self._pending = self._drawer.submit(self._source, self._number)
        return self._pending

    def _next_width(self) -> int:
        try:
            board = self._board().result(FIRST_BOARD_S)
        except NotYet as error:
            raise CameraError(f"The first board of the simulated line took more than {FIRST_BOARD_S:g} s.") from error
        if board is None:
            raise CameraNotFound("The simulated line has no boards.", "Give it images, or the name of a product.")
        return 16 if board.pixels is None else int(board.pixels.shape[1])


def _as_configured(pixels: Pixels, config: AcquisitionConfig) -> Pixels:
    width = config.width or pixels.shape[1]
    if config.pixel_format is PixelFormat.MONO8 and pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
    elif config.pixel_format is PixelFormat.RGB8 and pixels.ndim == 2:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB).astype(np.uint8, copy=False)
    return read_only(pixels[:, :width])
