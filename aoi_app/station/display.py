"""Makes the pictures for the screen, of the board on the line and of defects, beside the inspection, not in its way."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from aoi_app.core.detection import Detections
from aoi_app.core.inspection import Inspection
from aoi_app.core.scan import BoardScan, LinesIn, ScanEnd
from aoi_app.station.journal import Journal
from aoi_app.station.judged import JudgedBoard, pictures_of
from aoi_app.station.live import LiveView, Pyramid

T = TypeVar("T")

PERIOD_S = 1 / 30
REMEMBERED = 8


class Display:
    """Keeps a `LiveView` up to date at 30 Hz: lines from the acquisition, boxes and verdicts from the inspection."""

    def __init__(self, view: LiveView, class_names: Callable[[], tuple[str, ...]], journal: Journal) -> None:
        self._view = view
        self._class_names = class_names
        self._journal = journal
        self._scan: BoardScan | None = None
        self._pyramid: Pyramid | None = None
        self._fails = False
        self._lock = threading.Lock()
        self._newest: LinesIn | None = None
        self._found: OrderedDict[str, Detections] = OrderedDict()
        self._verdicts: OrderedDict[str, Inspection] = OrderedDict()
        self._judged: tuple[Inspection, ScanEnd] | None = None
        self._dirty = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="aoi-display", daemon=True)
        self._thread.start()

    def lines(self, event: LinesIn) -> None:
        """Say that lines came in. Latest wins."""
        with self._lock:
            self._newest = event
        self._dirty.set()

    def found(self, scan: BoardScan, detections: Detections) -> None:
        """Say what was found so far on a board."""
        with self._lock:
            _remember(self._found, scan.board_id, detections)
        self._dirty.set()

    def verdict(self, inspection: Inspection, end: ScanEnd) -> None:
        """Say that a verdict stands; pictures of its defects are cut from the board as it ended. Latest wins."""
        with self._lock:
            _remember(self._verdicts, inspection.board_id, inspection)
            self._judged = inspection, end
        self._dirty.set()

    def close(self) -> None:
        """End, and let go of the board on show."""
        self._stop.set()
        self._dirty.set()
        self._thread.join(5)
        with self._lock:
            self._newest = self._scan = self._pyramid = self._judged = None

    def _run(self) -> None:
        while not self._stop.is_set():
            if not self._dirty.wait(0.5):
                continue
            self._dirty.clear()
            self._show_judged()
            with self._lock:
                event = self._newest
                found = self._found.get(event.scan.board_id) if event else None
                inspection = self._verdicts.get(event.scan.board_id) if event else None
            if event is not None:
                self._show(event, found or Detections.empty(), inspection)
            self._stop.wait(PERIOD_S)

    def _show_judged(self) -> None:
        with self._lock:
            judged, self._judged = self._judged, None
        if judged is None:
            return
        inspection, end = judged
        try:
            pictures = pictures_of(inspection.defects, end.image)
        except Exception as error:  # a verdict stands, whether it can be drawn or not
            self._journal.error("station", error)
            pictures = (None,) * len(inspection.defects)
        self._view.judge(JudgedBoard(inspection, pictures))

    def _show(self, event: LinesIn, found: Detections, inspection: Inspection | None) -> None:
        scan = event.scan
        try:
            if self._pyramid is None or scan is not self._scan:
                self._scan, self._pyramid = scan, Pyramid(scan.pixels)
            self._pyramid.grow(event.lines)
            self._view.show(scan, event.lines, self._pyramid.levels, found, self._class_names(), inspection)
            self._fails = False
        except Exception as error:  # a board that cannot be drawn must not be the last one on the screen
            if not self._fails:
                self._journal.error("station", error)
            self._fails, self._pyramid = True, None


def _remember(kept: OrderedDict[str, T], key: str, value: T) -> None:
    kept[key] = value
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)
