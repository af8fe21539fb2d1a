"""Alarms of the stop rules: raised by the station, acknowledged by somebody who says why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import ColumnElement, insert, select, update

from aoi_app.core.errors import StoreError
from aoi_app.storage.accounts import Account, Right
from aoi_app.storage.audit import append
from aoi_app.storage.clock import now_us
from aoi_app.storage.database import Place, connect, reading
from aoi_app.storage.faults import explained
from aoi_app.storage.following.alarms import ACKNOWLEDGE, ANSWERED, RAISE
from aoi_app.storage.migrate import prepare
from aoi_app.storage.schema import AlarmTable as A
from aoi_app.storage.stop_rules import Alarm


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """An alarm and what became of it; `acknowledged_us` is None while it stands."""

    id: int
    at_us: int
    station: str
    rule: str
    what: str
    acknowledged_us: int | None
    acknowledged_by: str
    cause: str


class Alarms:
    """The alarms of a record; safe from any thread."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self._place = Place(folder, url)
        prepare(self._place)
        self._database = connect(self._place)

    def keep(self, alarm: Alarm, station: str = "") -> AlarmRow:
        """Write down an alarm that was raised."""
        row = {"at_us": alarm.at_us, "station": station, "rule": alarm.rule, "what": alarm.what}
        standing = {"acknowledged_us": None, "acknowledged_by": "", "cause": ""}
        with explained(self._place.name, self._place.folder), self._database.begin() as connection:
            key = connection.execute(insert(A).returning(A.id), {**row, **standing}).scalar_one()
            append(connection, station, RAISE, f"alarm {key}", row)
        return AlarmRow(key, alarm.at_us, station, alarm.rule, alarm.what, None, "", "")

    def standing(self) -> tuple[AlarmRow, ...]:
        """Return the alarms that nobody has acknowledged, oldest first."""
        return self._find(A.acknowledged_us.is_(None))

    def between(self, since_us: int, until_us: int, station: str = "") -> tuple[AlarmRow, ...]:
        """Return the alarms of a period, oldest first; of one station, or of all."""
        return self._find(A.at_us >= since_us, A.at_us < until_us, *([A.station == station] if station else []))

    def acknowledge(self, alarm_id: int, by: Account, cause: str) -> None:
        """Note who knows of an alarm and what its cause was.

        Raises
        ------
        AccessDenied
            The person may not.
        StoreError
            No cause was given, or somebody was first.
        """
        by.require(Right.ACKNOWLEDGE)
        if not cause.strip():
            raise StoreError("An alarm is acknowledged with its cause, and none was given.", "Say what was found.")
        values = {"acknowledged_us": now_us(), "acknowledged_by": by.name, "cause": cause.strip()}
        with explained(self._place.name, self._place.folder), self._database.begin() as connection:
            open_one = update(A).where(A.id == alarm_id, A.acknowledged_us.is_(None))
            if connection.execute(open_one.values(values)).rowcount == 0:
                raise StoreError(f"Alarm {alarm_id} is not standing any more.", "Somebody has acknowledged it already.")
            append(connection, by.name, ACKNOWLEDGE, f"alarm {alarm_id}", {fact: values[fact] for fact in ANSWERED})

    def close(self) -> None:
        """Let go of the database."""
        self._database.dispose()

    def _find(self, *wanted: ColumnElement[bool]) -> tuple[AlarmRow, ...]:
        statement = select(*A.__table__.columns).where(*wanted).order_by(A.at_us, A.id)
        with explained(self._place.name, self._place.folder), reading(self._database) as connection:
            return tuple(AlarmRow(*row) for row in connection.execute(statement))
