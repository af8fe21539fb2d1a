"""Inspecting without a window: whatever a line delivers, until it has no more, one inspection after the other."""

from __future__ import annotations

from collections.abc import Iterator

from aoi_app.core.inspection import Inspection
from aoi_app.core.scan import ScanEnd
from aoi_app.station.acquisition import FETCH_TIMEOUT_S, Line
from aoi_app.station.inspecting import Inspector


def inspect_line(line: Line, inspector: Inspector, boards: int) -> Iterator[tuple[Inspection, ScanEnd]]:
    """Inspect the next `boards` boards of an opened line, in this thread.

    The boards travel the same way as on the running station: blocks, assembler, tiles, detector, judge.
    """
    line.camera.start_acquisition()
    try:
        while boards > 0:
            block = line.camera.fetch(FETCH_TIMEOUT_S)
            for event in line.assembler.tick() if block is None else line.assembler.feed(block):
                inspection = inspector.handle(event)
                if inspection is not None and isinstance(event, ScanEnd):
                    boards -= 1
                    yield inspection, event
    finally:
        line.camera.stop_acquisition()
        line.camera.close()
