"""How fast a demonstration runs: no faster than this machine inspects, so that its verdicts leave with the boards.

Only a line that draws its own boards, and only at the usual line rate: a camera, and a rate that somebody chose, run as
they are set, and boards that come too fast for the machine wait where everybody sees it.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable, Iterable

from aoi_app.core.inspection import Inspection
from aoi_app.core.settings import CameraSettings
from aoi_app.demo import DEMOS
from aoi_app.station.bench import STAGES

BUSY = 0.7
"""Share of the time a board takes to pass that its inspection is busy at most: what else runs needs some as well."""
BOARDS = 5
"""The last boards of which one takes the usual time: what held one of them up slows nothing down."""
RAISE = 1.15
"""A line goes faster again only for so much: it does not follow every breath of the machine."""
STEP = 10.0
"""Line rates are multiples of this."""
USUAL_RATE = CameraSettings().line_rate

Tell = Callable[[bool, float], None]
"""Hears that a line is held now, or no more, and of the lines per second that it is set to."""


def line_rate(busy_s: Iterable[float], wanted: float, before: float | None = None) -> float | None:
    """Return the lines per second that a line is held to; None where it runs as `wanted`.

    Parameters
    ----------
    busy_s
        Seconds that a line of the last boards took to inspect, one figure a board.
    before
        What it was held to until now.
    """
    times = list(busy_s)
    if not times:
        return None
    rate = max(STEP, BUSY / statistics.median(times) // STEP * STEP)
    if before is not None and before < rate < RAISE * before:
        rate = before
    return rate if rate < wanted else None


class DemoPace:
    """Holds a demonstration to what its last boards show that this machine can do.

    Parameters
    ----------
    newest
        Returns the newest inspection, None before the first.
    tell
        Hears when the line begins to be held, and when it is no more.
    """

    def __init__(self, newest: Callable[[], Inspection | None], tell: Tell) -> None:
        self._newest = newest
        self._tell = tell
        self._seen: Inspection | None = None
        self._busy_s: deque[float] = deque(maxlen=BOARDS)
        self._rate: float | None = None

    def __call__(self, camera: CameraSettings) -> float | None:
        """Return the lines per second that the next board of a line is held to; None where it runs as it is set."""
        wanted = camera.line_rate
        if camera.source not in DEMOS or wanted is None or wanted != USUAL_RATE:
            return None
        self._look()
        before, self._rate = self._rate, line_rate(self._busy_s, wanted, self._rate)
        if (before is None) != (self._rate is None):
            self._tell(self._rate is not None, wanted)
        return self._rate

    def _look(self) -> None:
        inspection, before = self._newest(), self._seen
        if inspection is None or inspection is before:
            return
        self._seen = inspection
        if before is not None and (before.engine, before.width) != (inspection.engine, inspection.width):
            self._busy_s.clear()
        lines = inspection.completeness.lines
        busy_ms = sum(inspection.latency_ms.get(stage, 0.0) for stage in STAGES)
        if lines and busy_ms > 0:
            self._busy_s.append(busy_ms / 1e3 / lines)
