"""What runtimes and cameras warn of while they work, said on the station's own screen: nothing gives way in silence."""

from __future__ import annotations

import logging
import weakref

from aoi_app.station.journal import Journal
from aoi_app.station.status import Level

SOURCES = {"aoi_app.inference": "engine", "aoi_app.camera": "camera"}
"""Loggers of these names, and below them, are listened to -> who says it."""


class _Forward(logging.Handler):
    def __init__(self, journal: weakref.ref[Journal], source: str) -> None:
        super().__init__(logging.WARNING)
        self._journal = journal
        self._source = source

    def emit(self, record: logging.LogRecord) -> None:
        journal = self._journal()
        if journal is not None:
            level = Level.ERROR if record.levelno >= logging.ERROR else Level.WARNING
            journal.add(level, self._source, record.getMessage())


def announce_warnings(journal: Journal) -> None:
    """Put every warning of runtimes and cameras into a journal, for as long as the journal is there."""
    for name, source in SOURCES.items():
        logger = logging.getLogger(name)
        handler = _Forward(weakref.ref(journal), source)
        logger.addHandler(handler)
        # The program's own level says what goes to the terminal, not what people are told.
        logger.setLevel(logging.WARNING)
        weakref.finalize(journal, logger.removeHandler, handler)
