"""Which boards a person asks for, and the statement that finds them through an index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import ColumnElement, Select, and_, func, literal_column, or_, select, tuple_, union_all

from aoi_app.core.inspection import Verdict, Verification
from aoi_app.storage.schema import DefectTable as D
from aoi_app.storage.schema import EngineTable as E
from aoi_app.storage.schema import InspectionTable as I

if TYPE_CHECKING:
    from typing_extensions import Unpack

AnySelect: TypeAlias = "Select[Unpack[tuple[Any, ...]]]"
PageKey = tuple[int, int]
"""Where a page ends: `ts_us` and row id of its last board."""


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Filters of the history; every one that is given must hold, and an empty one lets all pass.

    Attributes
    ----------
    since_us, until_us
        UTC microseconds of the verdict, from (included) and to (left out).
    verdicts
        As the station judged.
    final_verdicts
        As it stands after review.
    classes, places, reviewers, verifications
        Boards with at least one defect that is of one of these classes, at one of these places (component or region),
        reviewed by one of these people and in one of these states: one and the same defect.
    serial
        Serial number, or its beginning.
    engine
        Beginning of an engine's hash, or a part of its model's name.
    to_review
        Only boards with defects that wait for a reviewer.
    reviewed
        Only failed boards of which every defect that counts has been decided on.
    """

    since_us: int | None = None
    until_us: int | None = None
    verdicts: tuple[Verdict, ...] = ()
    final_verdicts: tuple[Verdict, ...] = ()
    recipes: tuple[str, ...] = ()
    serial: str = ""
    engine: str = ""
    station: str = ""
    classes: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    verifications: tuple[Verification, ...] = ()
    to_review: bool = False
    reviewed: bool = False

    @property
    def asks_for_defects(self) -> bool:
        """Whether a filter looks at defects."""
        return any((self.classes, self.places, self.reviewers, self.verifications))


def board_filters(query: HistoryQuery) -> list[ColumnElement[bool]]:
    """Return the conditions on a board, without those on time."""
    wanted: list[ColumnElement[bool]] = []
    if query.verdicts:
        wanted.append(I.verdict.in_([v.value for v in query.verdicts]))
    if query.final_verdicts:
        wanted.append(I.final_verdict.in_([v.value for v in query.final_verdicts]))
    if query.recipes:
        wanted.append(I.recipe.in_(query.recipes))
    if query.serial:
        # A range, not LIKE: that is what an index can answer.
        wanted.append(and_(I.serial >= query.serial, I.serial < query.serial + "\U0010ffff"))
    if query.engine:
        named = or_(E.sha256.startswith(query.engine, autoescape=True), E.model.contains(query.engine, autoescape=True))
        wanted.append(I.engine_id.in_(select(E.id).where(named)))
    if query.station:
        wanted.append(I.station == query.station)
    if query.to_review:
        wanted.append(I.open_defects > 0)
    if query.reviewed:
        wanted += [I.verdict == Verdict.FAILED.value, I.open_defects == 0]
    return wanted


def defect_alternatives(query: HistoryQuery) -> list[list[ColumnElement[bool]]]:
    """Return conditions on a defect as alternatives, each of which one index can answer in order of time."""
    rest: list[ColumnElement[bool]] = []
    if query.verifications:
        rest.append(D.verification.in_([v.value for v in query.verifications]))
    if query.reviewers:
        rest += [D.reviewer != "", D.reviewer.in_(query.reviewers)]
    by_place = [[column != "", column == place] for place in query.places for column in (D.component, D.region)]
    by_class = [[D.defect_code == code] for code in query.classes]
    if by_place and by_class:
        return [[*place, or_(*(c[0] for c in by_class)), *rest] for place in by_place]
    return [[*one, *rest] for one in by_place or by_class or [[]]]


def in_time(column: Any, query: HistoryQuery) -> list[ColumnElement[bool]]:
    """Return the conditions on a column of time."""
    bounds = []
    if query.since_us is not None:
        bounds.append(column >= query.since_us)
    if query.until_us is not None:
        bounds.append(column < query.until_us)
    return bounds


NEWEST = 1_000
"""Boards that are looked at one by one before an index is asked: two milliseconds."""


def page_keys(query: HistoryQuery, after: PageKey | None, limit: int) -> AnySelect:
    """Return the statement for the `ts_us` and id of up to `limit` boards, newest first, that come after `after`."""
    if not query.asks_for_defects:
        return (
            select(I.ts_us, I.id)
            .where(*in_time(I.ts_us, query), *_beyond(I.ts_us, I.id, after), *board_filters(query))
            .order_by(I.ts_us.desc(), I.id.desc())
            .limit(limit)
        )
    parts = [_defect_keys(query, wanted, after, limit) for wanted in defect_alternatives(query)]
    if len(parts) == 1:
        return parts[0]
    # Each part is read in order and stops at the limit; their union is no more than a few pages.
    found = union_all(*(select(part.subquery()) for part in parts)).subquery()
    ts_us, key = found.c
    return select(ts_us, key).distinct().order_by(ts_us.desc(), key.desc()).limit(limit)


def newest_keys(query: HistoryQuery, after: PageKey | None, limit: int) -> AnySelect | None:
    """Return the statement for what the page of `page_keys` has of the `NEWEST` boards after `after`; None for no such.

    A whole page of them is that page. The index of serial numbers is in no order of time: of a beginning that most
    boards share, all would have to be sorted to find the newest.
    """
    if not query.serial or query.asks_for_defects:
        return None
    newest = (
        select(I.id)
        .where(*in_time(I.ts_us, query), *_beyond(I.ts_us, I.id, after))
        .order_by(I.ts_us.desc(), I.id.desc())
        .limit(NEWEST)
    )
    return (
        select(I.ts_us, I.id)
        .where(I.id.in_(newest), *board_filters(query))
        .order_by(I.ts_us.desc(), I.id.desc())
        .limit(limit)
    )


def _defect_keys(
    query: HistoryQuery, wanted: list[ColumnElement[bool]], after: PageKey | None, limit: int
) -> AnySelect:
    statement = select(D.ts_us, D.inspection_id).distinct()
    filters = board_filters(query)
    if filters:
        statement = statement.join(I, I.id == D.inspection_id)
    return (
        statement.where(*in_time(D.ts_us, query), *_beyond(D.ts_us, D.inspection_id, after), *wanted, *filters)
        .order_by(D.ts_us.desc(), D.inspection_id.desc())
        .limit(limit)
    )


def _beyond(ts_us: Any, key: Any, after: PageKey | None) -> list[ColumnElement[bool]]:
    if after is None:
        return []
    # The first condition alone is what bounds the index; the second settles boards of one microsecond.
    return [ts_us <= after[0], tuple_(ts_us, key) < tuple_(*after)]


def count_boards(query: HistoryQuery) -> AnySelect:
    """Return the statement for the number of boards by verdict."""
    statement = select(I.verdict, func.count()).where(*in_time(I.ts_us, query), *board_filters(query))
    if query.asks_for_defects:
        parts = [
            select(D.inspection_id).where(*in_time(D.ts_us, query), *wanted) for wanted in defect_alternatives(query)
        ]
        statement = statement.where(I.id.in_(union_all(*parts) if len(parts) > 1 else parts[0]))
    return statement.group_by(I.verdict)


PARETO_COLUMNS = {"class": D.defect_code, "component": D.component, "region": D.region, "verification": D.verification}


def count_defects(query: HistoryQuery, by: str, counting: bool = False) -> AnySelect:
    """Return the statement for the number of defects by `PARETO_COLUMNS`, most first; of tolerated ones too, or not."""
    column = PARETO_COLUMNS[by]
    statement = select(column, func.count().label("n"))
    filters = board_filters(query)
    if filters:
        statement = statement.join(I, I.id == D.inspection_id).where(*filters)
    if counting:
        statement = statement.where(D.counts)
    alternatives = [and_(*wanted) for wanted in defect_alternatives(query) if wanted]
    if alternatives:
        statement = statement.where(or_(*alternatives))
    return statement.where(*in_time(D.ts_us, query)).group_by(column).order_by(literal_column("n").desc(), column)
