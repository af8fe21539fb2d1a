"""The acquisition thread: camera to assembler to hand-over, and back to work when a lost camera returns."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from aoi_app.core.errors import CameraBusy, CameraError, CameraLost, CameraNotFound
from aoi_app.core.protocols import CameraInfo, LineScanCamera, Watched
from aoi_app.core.scan import LineBlock, LinesIn, ScanEnd
from aoi_app.station.journal import Journal
from aoi_app.station.status import EventKind, Level

FETCH_TIMEOUT_S = 0.2
BACK_OFF_S = (0.5, 1.0, 2.0, 5.0)
"""Pauses before the first, second, ... try to reach a lost camera again; the last one repeats."""
AWAY = (CameraLost, CameraNotFound, CameraBusy)
TRIED_AGAIN = "It is tried again every few seconds; check its cable and power."


class Assembler(Protocol):
    """Turns blocks into boards; see `camera.assembler`."""

    def feed(self, block: LineBlock) -> Iterable[LinesIn | ScanEnd]:
        """Take a block."""

    def tick(self) -> Iterable[LinesIn | ScanEnd]:
        """Say that no block came: a board whose lines stopped coming is ended."""

    def abort(self, reason: str) -> Iterable[LinesIn | ScanEnd]:
        """End the board in hand as incomplete."""

    @property
    def in_board(self) -> bool:
        """Whether a board is in hand."""


@dataclass(frozen=True, slots=True)
class Line:
    """An opened, configured camera and the assembler for what it delivers."""

    camera: LineScanCamera
    assembler: Assembler


OpenLine = Callable[[], Line]
"""Opens and configures the camera, in full, each time it is called. Raises CameraError."""


class Acquisition:
    """Runs one camera in a thread of its own.

    Parameters
    ----------
    deliver
        Takes every event of every board; an exception from it is a fault.
    on_fault
        Hears of an error that ended the acquisition.
    """

    def __init__(
        self,
        open_line: OpenLine,
        deliver: Callable[[LinesIn | ScanEnd], None],
        on_fault: Callable[[Exception], None],
        journal: Journal,
    ) -> None:
        self._open_line = open_line
        self._deliver = deliver
        self._on_fault = on_fault
        self._journal = journal
        self._stop = threading.Event()
        self._paused = threading.Event()
        self._resting = threading.Event()
        self._connected = False
        self._info: CameraInfo | None = None
        self._lost_s = 0.0
        self._away: CameraLost | None = None
        self._thread = threading.Thread(target=self._run, name="aoi-acquire", daemon=True)

    @property
    def connected(self) -> bool:
        """Whether the camera answers."""
        return self._connected

    @property
    def info(self) -> CameraInfo | None:
        """Who the camera is; None before it was first reached."""
        return self._info

    @property
    def lost(self) -> CameraLost | None:
        """Why the camera is away; None while it is not."""
        return self._away

    @property
    def resting(self) -> bool:
        """Whether the pause is in force: no board in hand, the camera stopped."""
        return self._resting.is_set()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def pause(self) -> None:
        """Let no more boards in when the one in hand has ended."""
        self._paused.set()

    def resume(self) -> None:
        """Go on."""
        self._paused.clear()

    def stop(self) -> None:
        """Ask the thread to end; the board in hand becomes an incomplete one. Does not wait."""
        self._stop.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end; tell whether it came. One that never began has ended."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        line: Line | None = None
        try:
            line = self._open()
            while not self._stop.is_set():
                try:
                    self._grab(line)
                except CameraLost as error:
                    self._lost(line, error)
                    line = self._open_again()
                    if line is None:
                        return
        except Exception as error:
            self._on_fault(error)
        finally:
            self._connected = False
            if line is not None:
                self._shut(line, "the line was stopped before its trailing edge")

    def _open(self) -> Line:
        line = self._open_line()
        try:
            line.camera.start_acquisition()
        except BaseException:
            line.camera.close()
            raise
        self._info = line.camera.info
        self._connected = True
        return line

    def _grab(self, line: Line) -> None:
        """Move blocks until told to stop or to pause."""
        while not self._stop.is_set():
            if self._paused.is_set() and not line.assembler.in_board:
                self._wait_out_pause(line)
                continue
            block = line.camera.fetch(FETCH_TIMEOUT_S)
            for event in line.assembler.tick() if block is None else line.assembler.feed(block):
                self._deliver(event)

    def _wait_out_pause(self, line: Line) -> None:
        line.camera.stop_acquisition()
        self._resting.set()
        try:
            while self._paused.is_set() and not self._stop.wait(0.05):
                # A cable is pulled while the line rests as well, and must not be found out only when it goes on.
                if isinstance(line.camera, Watched):
                    line.camera.check()
        finally:
            self._resting.clear()
        if not self._stop.is_set():
            line.camera.start_acquisition()
            for event in line.assembler.abort("acquisition was restarted"):
                self._deliver(event)

    def _lost(self, line: Line, error: CameraLost) -> None:
        self._connected = False
        self._lost_s, self._away = time.monotonic(), error
        self._journal.error("camera", error, kind=EventKind.CAMERA_LOST)
        self._shut(line, f"the camera was lost: {error.what}")

    def _shut(self, line: Line, reason: str) -> None:
        try:
            for event in line.assembler.abort(reason):
                self._deliver(event)
        except Exception as error:
            self._journal.error("camera", error)
        line.camera.close()

    def _open_again(self) -> Line | None:
        """Try to reach the camera until it answers; None when told to stop meanwhile.

        One that has just got its power back may answer and refuse what it took before: only if it goes on doing so
        that is a fault.
        """
        tries = refusals = 0
        while not self._stop.wait(BACK_OFF_S[min(tries, len(BACK_OFF_S) - 1)]):
            tries += 1
            try:
                line = self._open()
            except CameraError as error:
                refusals = 0 if isinstance(error, AWAY) else refusals + 1
                if refusals == len(BACK_OFF_S):
                    raise
                if tries == len(BACK_OFF_S):
                    self._journal.add(Level.WARNING, "camera", f"Still no camera: {error.what}", TRIED_AGAIN)
            else:
                away_s, self._away = time.monotonic() - self._lost_s, None
                what = f"The camera is back after {away_s:.1f} s; all settings were applied again."
                self._journal.add(Level.INFO, "camera", what, kind=EventKind.RECONNECTED)
                return line
        return None
