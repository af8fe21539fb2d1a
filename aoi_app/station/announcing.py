"""What runtimes warn of while they work, said on the station's own screen: a stand-in must never be a silent one."""

from __future__ import annotations

import logging
import weakref

from aoi_app.station.journal import Journal
from aoi_app.station.status import Level

RUNTIMES = "aoi_app.inference"
"""Loggers of this name, and below it, are listened to."""


class _Forward(logging.Handler):
    def __init__(self, journal: weakref.ref[Journal]) -> None:
        super().__init__(logging.WARNING)
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        journal = self._journal()
        if journal is not None:
            level = Level.ERROR if record.levelno >= logging.ERROR else Level.WARNING
            journal.add(level, "engine", record.getMessage())


def announce_runtimes(journal: Journal) -> None:
    """Put every warning of the runtimes into a journal, for as long as the journal is there."""
    logger = logging.getLogger(RUNTIMES)
    handler = _Forward(weakref.ref(journal))
    logger.addHandler(handler)
    # The program's own level says what goes to the terminal, not what people are told.
    logger.setLevel(logging.WARNING)
    weakref.finalize(journal, logger.removeHandler, handler)
