"""Warnings of runtimes and cameras are events of the station."""

from __future__ import annotations

import gc
import logging

from aoi_app.station.announcing import SOURCES, announce_warnings
from aoi_app.station.journal import Journal
from aoi_app.station.status import Level


def test_a_warning_of_a_runtime_stands_in_the_journal() -> None:
    journal = Journal()
    announce_warnings(journal)
    runtime = logging.getLogger("aoi_app.inference.runtimes.triton")
    runtime.warning("The server is gone.")
    runtime.info("Nobody needs to know.")
    runtime.error("The engine is gone.")
    logging.getLogger("aoi_app.camera.bounded_camera").warning("The camera %s is not given back yet.", "A")
    logging.getLogger("aoi_app.storage").warning("Said by the record itself.")
    said = [(event.level, event.source, event.what) for event in journal.after(0)]
    assert said == [
        (Level.WARNING, "engine", "The server is gone."),
        (Level.ERROR, "engine", "The engine is gone."),
        (Level.WARNING, "camera", "The camera A is not given back yet."),
    ]


def test_a_journal_that_is_gone_hears_nothing_and_leaves_nothing() -> None:
    logger = logging.getLogger(next(iter(SOURCES)))
    before = set(logger.handlers)
    journal = Journal()
    announce_warnings(journal)
    (handler,) = set(logger.handlers) - before
    del journal
    gc.collect()
    # Stations of other tests may go meanwhile, and take their own handlers with them.
    assert handler not in logger.handlers
    logger.warning("to nobody")
