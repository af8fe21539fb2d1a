"""What is not as it should be with a line, read from its parts as they are: none stays by mistake."""

from __future__ import annotations

from collections.abc import Iterator

from aoi_app.core.errors import EngineError
from aoi_app.station.acquisition import TRIED_AGAIN, Acquisition
from aoi_app.station.engines import Engines
from aoi_app.station.journal import Journal
from aoi_app.station.recording import Recorder
from aoi_app.station.status import Condition, Level


def conditions(
    fault: tuple[str, str],
    acquisition: Acquisition | None,
    engines: Engines,
    recorder: Recorder | None,
    journal: Journal,
) -> tuple[Condition, ...]:
    """Return what is not as it should be now, the worst first; `fault` is that of the line, empty where there is none.

    Cheap, and never waits: for every snapshot.
    """
    found = [*_line(fault, acquisition), *_record(recorder), *_engine(engines), *journal.lasting]
    return tuple(sorted(found, key=lambda condition: condition.level is not Level.ERROR))


def _line(fault: tuple[str, str], acquisition: Acquisition | None) -> Iterator[Condition]:
    if fault[0]:
        yield Condition(Level.ERROR, "station", *fault)
    lost = acquisition.lost if acquisition is not None and acquisition.alive else None
    if lost is not None:
        yield Condition(Level.ERROR, "camera", lost.what, TRIED_AGAIN)


def _record(recorder: Recorder | None) -> Iterator[Condition]:
    if recorder is not None and recorder.in_trouble:
        yield Condition(
            Level.ERROR,
            "record",
            f"The record cannot be written: {len(recorder)} inspected boards wait in memory.",
            "It is tried again all the time; do not switch off before they are written.",
        )


def _engine(engines: Engines) -> Iterator[Condition]:
    instead, current = engines.instead, engines.current
    if instead is not None:
        asked, runs = instead
        yield Condition(
            Level.WARNING,
            "engine",
            f"What was asked for could not be used ({asked}): {runs} inspects.",
            "See the log for the reason; choose it again, or another, in the settings.",
        )
    try:
        info = None if current is None else current.info
    except EngineError:  # freed meanwhile
        info = None
    if info is not None and info.stand_in:
        yield Condition(
            Level.WARNING,
            "engine",
            f"{info.runtime} on {info.device} computes in place of what was asked for: {info.detail}.",
            "Verdicts hold; boards may take longer.",
        )
