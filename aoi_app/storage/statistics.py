"""Counts the figures of a period in the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, select

from aoi_app.core.inspection import Verdict, Verification
from aoi_app.storage.database import Place, connect, reading
from aoi_app.storage.faults import explained
from aoi_app.storage.figures import REAL, REWORKED, Figures, Subgroups
from aoi_app.storage.intervals import Rate, rate
from aoi_app.storage.opportunities import Revision, chances, recorded_opportunities
from aoi_app.storage.query import HistoryQuery, count_defects, in_time
from aoi_app.storage.query import board_filters as filters_of
from aoi_app.storage.schema import DefectTable as D
from aoi_app.storage.schema import InspectionTable as I

MOST_PLACES = 200_000
HOUR_US = 3_600_000_000


class Statistics:
    """Counts figures. Safe from any thread; not for the window's own, because a long period takes seconds."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self._place = Place(folder, url)
        self._database = connect(self._place, read_only=True)

    def figures(
        self,
        since_us: int,
        until_us: int,
        query: HistoryQuery = HistoryQuery(),  # noqa: B008 (frozen)
        opportunities: Mapping[str, int] | None = None,
        interval_us: int = HOUR_US,
    ) -> Figures:
        """Return the figures of a period.

        Parameters
        ----------
        query
            Further filters on boards (recipe, station, serial number, engine); those on time and defects do nothing.
        opportunities
            Opportunities for a defect on one board, by recipe: its components, placements and terminations. None
            takes those of the recipe revisions that judged the boards.
        interval_us
            Width of a subgroup of the charts.
        """
        asked = replace(
            query, since_us=since_us, until_us=until_us, classes=(), places=(), reviewers=(), verifications=()
        )
        with explained(self._place.name, self._place.folder), reading(self._database) as connection:
            return _Count(connection, asked, since_us, until_us).figures(opportunities, interval_us)

    def places(self, query: HistoryQuery) -> NDArray[np.float64]:
        """Return the centres of confirmed defects for a heat map: (n, 2), x and y in board pixels, newest first."""
        # On the golden board where the scan was registered to it: boards that lay differently give one spot.
        centre = select(
            func.coalesce(D.place_x, (D.x1 + D.x2) / 2).label("x"),
            func.coalesce(D.place_y, (D.y1 + D.y2) / 2).label("y"),
        )
        real = D.verification.in_([v.value for v in REAL])
        with explained(self._place.name, self._place.folder), reading(self._database) as connection:
            statement = _of_boards(centre, query).where(real, *in_time(D.ts_us, query))
            rows = connection.execute(statement.order_by(D.ts_us.desc()).limit(MOST_PLACES)).all()
        return np.array([tuple(row) for row in rows], np.float64).reshape(-1, 2)

    def close(self) -> None:
        """Let go of the database."""
        self._database.dispose()


def _of_boards(statement: Any, query: HistoryQuery) -> Any:
    """Restrict a statement on defects to the boards that are asked for."""
    filters = filters_of(query)
    return statement.join(I, I.id == D.inspection_id).where(*filters) if filters else statement


@dataclass(frozen=True, slots=True)
class _Count:
    """The counting of one period, on one connection: all figures are of the same moment."""

    connection: Connection
    query: HistoryQuery
    since_us: int
    until_us: int

    def figures(self, opportunities: Mapping[str, int] | None, interval_us: int) -> Figures:
        verdicts, boards_of = self._boards()
        subgroups, machine_passed = self._subgroups(interval_us)
        units, not_passed = int(subgroups.boards.sum()), int(subgroups.not_passed.sum())
        states = dict(self._pairs(count_defects(self.query, "verification", counting=True)))
        confirmed = sum(states.get(v.value, 0) for v in REAL)
        rejected = states.get(Verification.DEFECT_REJECTED.value, 0)
        calls = sum(n for state, n in states.items() if state != Verification.NOT_VERIFIED_YET.value)
        known = (
            recorded_opportunities(self.connection, boards_of)
            if opportunities is None
            else {revision: opportunities[revision[0]] for revision in boards_of if revision[0] in opportunities}
        )
        total, not_set = chances(boards_of, known)
        seconds, median = self._review_time()
        return Figures(
            self.since_us,
            self.until_us,
            verdicts,
            rate(units - not_passed, units),
            rate(machine_passed, units),
            rate(confirmed, total, "exact") if 0 < total >= confirmed else None,
            rate(rejected, calls),
            rate(rejected, total, "exact") if 0 < total >= rejected else None,
            self._without_false_call(),
            states.get(Verification.NOT_VERIFIED_YET.value, 0),
            self._pareto("class"),
            self._pareto("component"),
            self._pareto("region"),
            seconds,
            median,
            subgroups,
            not_set,
            self.query.recipes,
            self.query.station,
        )

    def _boards(self) -> tuple[dict[Verdict, int], dict[Revision, int]]:
        """Return inspections by verdict, and inspected boards by recipe revision."""
        groups = (I.verdict, I.recipe, I.recipe_revision)
        rows = self.connection.execute(select(*groups, func.count()).where(*self._board_filters()).group_by(*groups))
        verdicts: dict[Verdict, int] = {}
        boards: dict[Revision, int] = {}
        for name, recipe, revision, n in rows:
            verdict = Verdict(name)
            verdicts[verdict] = verdicts.get(verdict, 0) + n
            if verdict in (Verdict.PASSED, Verdict.FAILED):
                boards[recipe, revision] = boards.get((recipe, revision), 0) + n
        return verdicts, boards

    def _subgroups(self, interval_us: int) -> tuple[Subgroups, int]:
        """Return the counts by interval, and the units that the station itself passed at once."""
        unit = func.coalesce(func.nullif(I.serial, ""), I.board_id)
        turn = func.row_number().over(partition_by=unit, order_by=(I.ts_us, I.id)).label("turn")
        first = (
            select(I.id, I.ts_us, I.serial, I.verdict, I.final_verdict, turn)
            .where(*self._board_filters(), I.verdict != Verdict.ABORTED.value)
            .subquery()
        )
        reworked = exists().where(
            D.inspection_id == first.c.id, D.counts, D.verification.in_([v.value for v in REWORKED])
        )
        # A unit that was inspected before the period and comes back from repair has no first pass in it.
        earlier = exists().where(
            I.serial == first.c.serial,
            I.serial != "",
            I.ts_us < self.since_us,
            I.verdict != Verdict.ABORTED.value,
            *filters_of(self.query),
        )
        passed = first.c.verdict == Verdict.PASSED.value
        clean = and_(first.c.final_verdict == Verdict.PASSED.value, passed | ~reworked)
        slot = ((first.c.ts_us - self.since_us) // interval_us).label("slot")
        ones = func.sum(case((clean, 0), else_=1)), func.sum(case((passed, 1), else_=0))
        firsts = select(slot, func.count(), *ones).where(first.c.turn == 1, ~earlier)
        units = self.connection.execute(firsts.group_by(slot)).all()
        slot = ((I.ts_us - self.since_us) // interval_us).label("slot")
        judged = I.verdict.in_([Verdict.PASSED.value, Verdict.FAILED.value])
        inspections = self.connection.execute(
            select(slot, func.count()).where(*self._board_filters(), judged).group_by(slot)
        ).all()
        slot = ((D.ts_us - self.since_us) // interval_us).label("slot")
        found = [v.value for v in (*REAL, Verification.DEFECT_REJECTED)]
        calls = self.connection.execute(
            self._defects(slot, D.verification, func.count())
            .where(D.verification.in_(found))
            .group_by(slot, D.verification)
        ).all()
        k = max(1, -(-(self.until_us - self.since_us) // interval_us))
        boards, not_passed, inspected, confirmed, false_calls = np.zeros((5, k), np.int64)
        machine_passed = 0
        for i, n, bad, good in units:
            boards[i], not_passed[i] = n, bad
            machine_passed += good
        for i, n in inspections:
            inspected[i] = n
        for i, state, n in calls:
            (false_calls if state == Verification.DEFECT_REJECTED.value else confirmed)[i] += n
        start = self.since_us + np.arange(k, dtype=np.int64) * interval_us
        return Subgroups(start, boards, not_passed, inspected, confirmed, false_calls), machine_passed

    def _without_false_call(self) -> Rate:
        done = [*self._board_filters(), I.open_defects == 0, I.verdict.in_(["PASSED", "FAILED"])]
        rejected = exists().where(
            D.inspection_id == I.id, D.counts, D.verification == Verification.DEFECT_REJECTED.value
        )
        boards = self.connection.execute(select(func.count()).select_from(I).where(*done)).scalar_one()
        # Only failed boards have calls that count.
        some = select(func.count()).select_from(I).where(*done, I.verdict == Verdict.FAILED.value, rejected)
        return rate(boards - self.connection.execute(some).scalar_one(), boards)

    def _pareto(self, by: str) -> tuple[tuple[str, int], ...]:
        return tuple(self._pairs(count_defects(replace(self.query, verifications=REAL), by, counting=True)))

    def _review_time(self) -> tuple[float, float | None]:
        """Return the seconds spent on all defects, and the median of those that were looked at."""
        looked = self._defects(D.review_s).where(D.review_s > 0).subquery()
        n, total = self.connection.execute(select(func.count(), func.sum(looked.c.review_s))).one()
        if not n:
            return 0.0, None
        middle = select(looked.c.review_s).order_by(looked.c.review_s).offset((n - 1) // 2).limit(2 - n % 2)
        return float(total), float(np.mean(self.connection.scalars(middle).all()))

    def _defects(self, *columns: Any) -> Any:
        return _of_boards(select(*columns).select_from(D), self.query).where(*in_time(D.ts_us, self.query), D.counts)

    def _board_filters(self) -> list[ColumnElement[bool]]:
        return [*in_time(I.ts_us, self.query), *filters_of(self.query)]

    def _pairs(self, statement: Any) -> list[tuple[str, int]]:
        return [(name, n) for name, n in self.connection.execute(statement)]
