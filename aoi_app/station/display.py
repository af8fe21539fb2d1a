"""Grows the picture of the board on the line for the screen, beside the inspection and never in its way."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from aoi_app.core.detection import Detections
from aoi_app.core.inspection import Inspection
from aoi_app.core.scan import BoardScan, LinesIn
from aoi_app.station.live import LiveView, Pyramid

T = TypeVar("T")

PERIOD_S = 1 / 30
REMEMBERED = 8


class Display:
    """Keeps a `LiveView` up to date at 30 Hz: lines from the acquisition, boxes and verdicts from the inspection."""

    def __init__(self, view: LiveView, class_names: Callable[[], tuple[str, ...]]) -> None:
        self._view = view
        self._class_names = class_names
        self._lock = threading.Lock()
        self._newest: LinesIn | None = None
        self._found: OrderedDict[str, Detections] = OrderedDict()
        self._verdicts: OrderedDict[str, Inspection] = OrderedDict()
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

    def verdict(self, inspection: Inspection) -> None:
        """Say that a verdict stands."""
        with self._lock:
            _remember(self._verdicts, inspection.board_id, inspection)
        self._dirty.set()

    def close(self) -> None:
        """End, and let go of the board on show."""
        self._stop.set()
        self._dirty.set()
        self._thread.join(5)
        with self._lock:
            self._newest = None

    def _run(self) -> None:
        scan: BoardScan | None = None
        pyramid: Pyramid | None = None
        while not self._stop.is_set():
            if not self._dirty.wait(0.5):
                continue
            self._dirty.clear()
            with self._lock:
                event = self._newest
                found = self._found.get(event.scan.board_id) if event else None
                inspection = self._verdicts.get(event.scan.board_id) if event else None
            if event is not None:
                if pyramid is None or event.scan is not scan:
                    scan, pyramid = event.scan, Pyramid(event.scan.pixels)
                pyramid.grow(event.lines)
                names = self._class_names()
                self._view.show(scan, event.lines, pyramid.levels, found or Detections.empty(), names, inspection)
            self._stop.wait(PERIOD_S)


def _remember(kept: OrderedDict[str, T], key: str, value: T) -> None:
    kept[key] = value
    while len(kept) > REMEMBERED:
        kept.popitem(last=False)
