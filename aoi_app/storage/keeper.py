"""The record as a station uses it: a store that watches the process and keeps its own house."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aoi_app.core.errors import SettingsError, StoreError
from aoi_app.core.inspection import Inspection, Verdict
from aoi_app.core.scan import ScanEnd
from aoi_app.storage.alarms import Alarms
from aoi_app.storage.database import Place
from aoi_app.storage.faults import explained
from aoi_app.storage.pictures import PicturePolicy
from aoi_app.storage.retention import GIB, DiskGuard, RetentionPolicy, Space, expire
from aoi_app.storage.stop_rules import Alarm, StopMonitor, StopRules
from aoi_app.storage.store import Store

SETTINGS_FILE = "record.json"
HOUSEKEEPING_S = 600.0

Tell = Callable[[str, str], None]
"""Told what happened and what to do next; may come from another thread."""

_KEPT = {
    "none": frozenset[Verdict](),
    "failed": frozenset({Verdict.FAILED, Verdict.ERROR}),
    "all": frozenset(Verdict),
}
_SPACE = {
    Space.LOW: ("The disk of the pictures is getting full.", "Free space, or shorten how long pictures are kept."),
    Space.OUT: (
        "The disk of the pictures is almost full: passed boards are recorded without pictures.",
        "Free space now; boards and verdicts are still recorded.",
    ),
}

log = logging.getLogger(__name__)


class RecordSettings(BaseModel):
    """How a record is kept: `record.json` in the data folder.

    Attributes
    ----------
    whole_boards
        Which boards' full-resolution images are kept, to inspect them again: 16 megapixels take about 9 MB and a third
        of a second of one core.
    warn_free_gib, stop_free_gib
        Free space below which a warning comes, and below which passed boards have no pictures.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    retention: RetentionPolicy = RetentionPolicy()
    stop_rules: StopRules = StopRules()
    whole_boards: Literal["none", "failed", "all"] = "none"
    warn_free_gib: Annotated[float, Field(ge=0)] = 10.0
    stop_free_gib: Annotated[float, Field(ge=0)] = 2.0


def load_record_settings(folder: Path) -> RecordSettings:
    """Read them; a missing file gives the defaults. Raises SettingsError that names the bad field."""
    file = folder / SETTINGS_FILE
    if not file.exists():
        return RecordSettings()
    try:
        return RecordSettings.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        said = (
            "; ".join(f"{'.'.join(map(str, e['loc'])) or 'text'}: {e['msg']}" for e in error.errors()[:5])
            if isinstance(error, ValidationError)
            else str(error)
        )
        raise SettingsError(
            f"{file} cannot be used: {said}.", "Correct it, or delete it to get the defaults."
        ) from error


def save_record_settings(settings: RecordSettings, folder: Path) -> None:
    """Write them so that a crash leaves the old file or the new one."""
    file = folder / SETTINGS_FILE
    with explained(str(file), folder):
        folder.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".tmp")
        draft.write_text(settings.model_dump_json(indent=2) + "\n", encoding="utf-8")
        draft.replace(file)


class Keeper:
    """A `ResultStore` that raises the alarms of the stop rules, and removes old pictures while the station runs.

    Parameters
    ----------
    folder, url, station
        As for `Store`.
    settings
        Of the record; read from the folder when not given.
    alarm
        Told of each alarm when it is in the record, in the thread that records.
    tell
        Told of a disk that runs low and of housekeeping that failed, from the housekeeping thread.
    every_s
        Seconds between two rounds of housekeeping.
    """

    def __init__(
        self,
        folder: Path,
        url: str = "",
        station: str = "",
        settings: RecordSettings | None = None,
        alarm: Callable[[Alarm], None] = lambda _: None,
        tell: Tell = lambda _what, _hint: None,
        every_s: float = HOUSEKEEPING_S,
    ) -> None:
        chosen = settings or load_record_settings(folder)
        policy = PicturePolicy(whole_boards=_KEPT[chosen.whole_boards])
        guard = DiskGuard(folder, int(chosen.warn_free_gib * GIB), int(chosen.stop_free_gib * GIB))
        self._place, self._settings, self._station = Place(folder, url), chosen, station
        self._store = Store(folder, url, policy, station, guard)
        try:
            self._alarms = Alarms(folder, url)
        except BaseException:
            self._store.close()
            raise
        self._monitor = StopMonitor(chosen.stop_rules)
        self._pending: deque[Alarm] = deque()
        self._last = ""
        self._alarm, self._tell, self._every_s = alarm, tell, every_s
        self._stop = threading.Event()
        self._housekeeping = threading.Thread(target=self._keep_house, name="housekeeping", daemon=True)
        self._housekeeping.start()

    def record(self, inspection: Inspection, end: ScanEnd) -> None:
        """Write one board, then what the stop rules say of it. May be repeated after an error. Raises StoreError."""
        self._store.record(inspection, end)
        if inspection.board_id != self._last:
            self._last = inspection.board_id
            self._pending += self._monitor.feed(inspection)
        while self._pending:
            self._alarms.keep(self._pending[0], self._station)
            self._alarm(self._pending.popleft())

    def close(self) -> None:
        """Stop housekeeping and close the store; may be called twice."""
        self._stop.set()
        self._housekeeping.join()
        self._alarms.close()
        self._store.close()

    def _keep_house(self) -> None:
        space = Space.ENOUGH
        while not self._stop.is_set():
            try:
                expire(self._place, self._settings.retention)
            except StoreError as error:
                log.warning("housekeeping: %s", error)
                self._tell(error.what, error.hint)
            before, space = space, self._store.space
            if space is not before and space in _SPACE:
                self._tell(*_SPACE[space])
            self._stop.wait(self._every_s)
