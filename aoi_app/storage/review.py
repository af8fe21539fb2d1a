"""Review: what people say of the defects that the station found."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from aoi_app.core.errors import StoreError
from aoi_app.core.inspection import Verdict, Verification
from aoi_app.storage import claims
from aoi_app.storage.audit import append
from aoi_app.storage.clock import now_us
from aoi_app.storage.database import Place, connect, reading
from aoi_app.storage.faults import explained
from aoi_app.storage.following.decisions import FACTS, VERIFY
from aoi_app.storage.history import DefectRow
from aoi_app.storage.migrate import prepare
from aoi_app.storage.schema import DefectTable, InspectionTable, VerificationTable

OPEN = Verification.NOT_VERIFIED_YET


class AlreadyReviewed(StoreError):
    """Somebody else decided on this defect first."""


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Where a board stands after a decision.

    Attributes
    ----------
    open_defects
        Defects of the board that still wait for a reviewer.
    """

    board_id: str
    defect_id: int
    state: Verification
    final_verdict: Verdict
    open_defects: int


def final_verdict(verdict: Verdict, states: Iterable[Verification]) -> Verdict:
    """Return what a board is after review.

    Parameters
    ----------
    verdict
        Of the station. Only `FAILED` can change: a board that was not wholly inspected is inspected again.
    states
        Of the defects that count.

    Returns
    -------
    Verdict
        `PASSED` when every defect is a false call, accepted, repaired or closed; `FAILED` while one is confirmed or
        waits for a reviewer, or when no defect is left that could have failed it.
    """
    if verdict is not Verdict.FAILED:
        return verdict
    bad, found = {Verification.NOT_VERIFIED_YET, Verification.DEFECT_CONFIRMED}, set(states)
    return Verdict.FAILED if bad & found or not found else Verdict.PASSED


def review_order(defects: Iterable[DefectRow]) -> list[DefectRow]:
    """Sort defects by severity, then by place, row by row, so that the eye moves little."""
    band = 256  # pixels of the board that the eye takes for one row
    return sorted(
        defects,
        key=lambda d: (-d.defect.severity, d.defect.component, int(d.defect.box[1] // band), d.defect.box[0], d.number),
    )


class Review:
    """Decisions of reviewers; several windows and stations work on one record at the same time.

    Every decision is one short transaction together with its audit entry. Safe from any thread.
    """

    def __init__(self, folder: Path, url: str = "") -> None:
        self._place = Place(folder, url)
        prepare(self._place)
        self._database = connect(self._place)

    def queue(self, limit: int = 100, recipe: str = "", holder: str = "") -> tuple[str, ...]:
        """Return the ids of boards that wait for review, oldest first.

        Parameters
        ----------
        holder
            Name of a window: boards that another one has in hand are left out. Empty for all.
        """
        wanted = select(InspectionTable.board_id).where(InspectionTable.open_defects > 0)
        if recipe:
            wanted = wanted.where(InspectionTable.recipe == recipe)
        if holder:
            wanted = wanted.where(claims.free_for(holder))
        wanted = wanted.order_by(InspectionTable.ts_us, InspectionTable.id).limit(limit)
        with explained(self._place.name, self._place.folder), reading(self._database) as connection:
            return tuple(connection.scalars(wanted))

    def waiting(self, holder: str = "") -> int:
        """Return the number of boards that wait for review, as `queue` without a limit would give them."""
        wanted = select(func.count()).select_from(InspectionTable).where(InspectionTable.open_defects > 0)
        if holder:
            wanted = wanted.where(claims.free_for(holder))
        with explained(self._place.name, self._place.folder), reading(self._database) as connection:
            return int(connection.execute(wanted).scalar_one())

    def verify(
        self, defect_id: int, state: Verification, reviewer: str, seconds: float, seen: Verification = OPEN
    ) -> Reviewed:
        """Record a decision.

        Parameters
        ----------
        seconds
            Time that the reviewer spent on it; adds to what was spent on this defect before.
        seen
            State that the reviewer saw when deciding.

        Raises
        ------
        AlreadyReviewed
            The state is no longer the one that was seen; nothing was changed.
        """
        with explained(self._place.name, self._place.folder), self._database.begin() as connection:
            defect = self._locked(connection, defect_id)
            if defect["verification"] != seen.value:
                raise AlreadyReviewed(
                    f"{defect['reviewer'] or 'Somebody'} has already decided on this defect: {defect['verification']}.",
                    "Go on with the next one.",
                )
            now = now_us()
            event = {
                "defect_id": defect_id,
                "at_us": now,
                "reviewer": reviewer,
                "before": defect["verification"],
                "before_reviewer": defect["reviewer"],
                "before_us": defect["verified_us"],
                "after": state.value,
                "seconds": seconds,
                "undone": False,
            }
            connection.execute(insert(VerificationTable), event)
            told = {fact: event[fact] for fact in FACTS}
            return self._set(connection, defect, state.value, reviewer, now, seconds, reviewer, told)

    def undo(self, reviewer: str, seconds: float = 0.0, defect_id: int | None = None) -> Reviewed | None:
        """Take back the last decision of a reviewer, and the one before at the next call; None when none is left.

        Without `defect_id` it is the last one on a defect that waited: what a repair station said later is taken back
        where it was said. The time that was spent stays. A decision that somebody else has changed since is left alone.

        Parameters
        ----------
        defect_id
            The defect whose decision is meant: a window's own, where two windows work under one name.
        """
        events = VerificationTable
        of_defect = events.before == OPEN.value if defect_id is None else events.defect_id == defect_id
        with explained(self._place.name, self._place.folder), self._database.begin() as connection:
            last = (
                connection.execute(
                    select(*events.__table__.columns)
                    .where(events.reviewer == reviewer, ~events.undone, of_defect)
                    .order_by(events.id.desc())
                    .limit(1)
                )
                .mappings()
                .first()
            )
            if last is None:
                return None
            defect = self._locked(connection, last["defect_id"])
            newest = select(func.max(events.id)).where(events.defect_id == last["defect_id"], ~events.undone)
            if connection.execute(newest).scalar() != last["id"]:
                raise AlreadyReviewed(
                    f"{defect['reviewer']} has decided on this defect since: {defect['verification']}.",
                    "Ask them, or decide anew.",
                )
            connection.execute(update(events).where(events.id == last["id"]).values(undone=True))
            return self._set(
                connection,
                defect,
                last["before"],
                last["before_reviewer"],
                last["before_us"],
                seconds,
                reviewer,
                {"how": "undo"},
            )

    def claim(self, board_id: str, holder: str, reviewer: str) -> str:
        """Take a board in hand for `claims.LEASE_S`, or hold it on.

        Returns
        -------
        str
            Empty, or the name of the reviewer who has it in hand in another window.
        """
        with explained(self._place.name, self._place.folder), self._database.begin() as connection:
            key = connection.execute(self._key(board_id)).scalar()
            return "" if key is None else claims.take(connection, key, holder, reviewer)

    def release(self, holder: str, boards: Collection[str] | None = None) -> None:
        """Give boards back that a window has in hand; all of them when none are named."""
        with explained(self._place.name, self._place.folder), self._database.begin() as connection:
            keys = None if boards is None else [connection.execute(self._key(b)).scalar() or 0 for b in boards]
            claims.let_go(connection, holder, keys)

    def elsewhere(self, holder: str) -> int:
        """Return the number of boards that other windows have in hand."""
        with explained(self._place.name, self._place.folder), reading(self._database) as connection:
            return claims.count_elsewhere(connection, holder)

    def close(self) -> None:
        """Let go of the database."""
        self._database.dispose()

    @staticmethod
    def _key(board_id: str) -> Any:
        return select(InspectionTable.id).where(InspectionTable.board_id == board_id)

    def _locked(self, connection: Connection, defect_id: int) -> Any:
        """Return a defect, its board locked: two reviewers of one board wait for each other a moment."""
        board = connection.execute(
            select(InspectionTable.id)
            .join(DefectTable, DefectTable.inspection_id == InspectionTable.id)
            .where(DefectTable.id == defect_id)
            .with_for_update(of=InspectionTable)
        ).scalar()
        if board is None:
            raise StoreError(f"There is no defect {defect_id} in the record.", "Load the board again.")
        return (
            connection.execute(select(*DefectTable.__table__.columns).where(DefectTable.id == defect_id))
            .mappings()
            .one()
        )

    def _set(
        self,
        connection: Connection,
        defect: Any,
        state: str,
        by: str,
        at_us: int | None,
        seconds: float,
        who: str,
        told: Mapping[str, Any],
    ) -> Reviewed:
        """Write a defect's state, what follows for its board, and the audit entry."""
        values = {"verification": state, "reviewer": by, "verified_us": at_us, "review_s": defect["review_s"] + seconds}
        connection.execute(update(DefectTable).where(DefectTable.id == defect["id"]).values(values))
        states = connection.scalars(
            select(DefectTable.verification).where(
                DefectTable.inspection_id == defect["inspection_id"], DefectTable.counts
            )
        ).all()
        board = connection.execute(
            select(InspectionTable.board_id, InspectionTable.verdict).where(
                InspectionTable.id == defect["inspection_id"]
            )
        ).one()
        verdict = Verdict(board.verdict)
        final = final_verdict(verdict, map(Verification, states))
        waiting = states.count(OPEN.value) if verdict is Verdict.FAILED else 0
        connection.execute(
            update(InspectionTable)
            .where(InspectionTable.id == defect["inspection_id"])
            .values(final_verdict=final.value, open_defects=waiting)
        )
        if not waiting:
            claims.forget(connection, defect["inspection_id"])
        detail = {
            "board": board.board_id,
            "class": defect["defect_code"],
            "before": defect["verification"],
            "after": state,
            "seconds": seconds,
        }
        append(connection, who, VERIFY, f"defect {defect['id']}", {**detail, **told})
        return Reviewed(board.board_id, defect["id"], Verification(state), final, waiting)
