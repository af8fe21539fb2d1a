"""Reading the record: pages, counts, one board with everything known of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, RowMapping, func, inspect, select
from sqlalchemy.orm import InstrumentedAttribute

from aoi_app.core.errors import StoreError
from aoi_app.core.inspection import Defect, EngineInfo, Inspection, Verdict, Verification
from aoi_app.core.scan import PixelFormat
from aoi_app.storage.archive import picture_file
from aoi_app.storage.database import Place, connect, reading
from aoi_app.storage.faults import explained
from aoi_app.storage.query import AnySelect, HistoryQuery, PageKey, count_boards, count_defects, newest_keys, page_keys
from aoi_app.storage.recipes import read_recipe
from aoi_app.storage.rows import defect_of, engine_of, inspection_of
from aoi_app.storage.schema import Base, DefectTable, EngineTable, InspectionTable, RecipeTable

_BATCH = 500
_MOST_VALUES = 2_000
"""A list of more places than that is none to choose from."""


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One line of the history table.

    Attributes
    ----------
    started_us, ended_us
        UTC microseconds.
    final_verdict
        What review made of the verdict.
    open_defects
        Defects that wait for a reviewer.
    verdict_ms
        From the last line to the verdict; None where it was not measured.
    preview
        File of the preview; None where none was kept.
    """

    id: int
    board_id: str
    serial: str
    station: str
    verdict: Verdict
    final_verdict: Verdict
    reason: str
    recipe: str
    recipe_revision: int
    started_us: int
    ended_us: int
    defects: int
    open_defects: int
    verdict_ms: float | None
    preview: Path | None

    @property
    def key(self) -> PageKey:
        """Where a page that ends with this board goes on."""
        return self.ended_us, self.id


@dataclass(frozen=True, slots=True)
class DefectRow:
    """One defect as it was found and as it was reviewed.

    Attributes
    ----------
    crop, crop_box
        Picture of the defect with its surroundings, and the part of the board (x1, y1, x2, y2) that it shows.
    """

    id: int
    number: int
    defect: Defect
    verification: Verification
    reviewer: str
    verified_us: int | None
    review_s: float
    crop: Path | None
    crop_box: tuple[int, int, int, int] | None


@dataclass(frozen=True, slots=True)
class BoardRecord:
    """Everything that is known of one board."""

    row: BoardRow
    inspection: Inspection
    pixel_format: PixelFormat
    defects: tuple[DefectRow, ...]
    board_image: Path | None


class History:
    """Reads a record, also while a station writes it. Safe from any thread; nothing is ever changed.

    Raises
    ------
    StoreError
        There is no record there, or it cannot be read.
    """

    def __init__(self, folder: Path, url: str = "") -> None:
        self._place = Place(folder, url)
        if self._place.file is not None and not self._place.file.exists():
            raise StoreError(
                f"There is no record in {folder}: {self._place.file.name} is missing.",
                "Give the data folder of a station that has inspected a board.",
            )
        self._goldens: dict[tuple[str, int], Path | None] = {}
        self._database = connect(self._place, read_only=True)
        with self._reading() as connection:
            if not inspect(connection).has_table(InspectionTable.__tablename__):
                raise StoreError(
                    f"{self._place.name} holds no record of this program.", "Give the data folder of a station."
                )

    def page(self, query: HistoryQuery, after: PageKey | None = None, limit: int = 100) -> tuple[BoardRow, ...]:
        """Return up to `limit` boards, newest first.

        Parameters
        ----------
        after
            `key` of the last row of the page before; None for the first page.
        """
        with self._reading() as connection:
            keys = _keys(connection, query, after, limit)
            boards = _all(InspectionTable).where(InspectionTable.id.in_(keys))
            found = {row["id"]: self._board_row(row) for row in connection.execute(boards).mappings()}
        return tuple(found[key] for key in keys)

    def rows(self, query: HistoryQuery) -> Iterator[BoardRow]:
        """Yield all boards, newest first, a page at a time: no lock is held in between."""
        after = None
        while page := self.page(query, after, _BATCH):
            yield from page
            after = page[-1].key

    def counts(self, query: HistoryQuery) -> dict[Verdict, int]:
        """Return the number of boards by verdict; verdicts without boards are left out."""
        with self._reading() as connection:
            return {Verdict(verdict): n for verdict, n in connection.execute(count_boards(query))}

    def pareto(self, query: HistoryQuery, by: str = "class") -> tuple[tuple[str, int], ...]:
        """Return defects by `class`, `component`, `region` or `verification`, most first."""
        with self._reading() as connection:
            return tuple((name, n) for name, n in connection.execute(count_defects(query, by)))

    def board(self, board_id: str) -> BoardRecord | None:
        """Return one board with its defects and files, or None when it is not in the record."""
        found = self._records(InspectionTable.board_id == board_id)
        return found[0] if found else None

    def records(self, query: HistoryQuery) -> Iterator[BoardRecord]:
        """Yield all boards with their defects, newest first."""
        after = None
        while page := self.page(query, after, _BATCH):
            found = {r.row.id: r for r in self._records(InspectionTable.id.in_([row.id for row in page]))}
            yield from (found[row.id] for row in page)
            after = page[-1].key

    def recipes(self) -> tuple[str, ...]:
        """Return the recipes that boards were inspected with."""
        return self._distinct(InspectionTable.recipe)

    def classes(self) -> tuple[str, ...]:
        """Return the classes of all defects."""
        return self._distinct(DefectTable.defect_code)

    def places(self) -> tuple[str, ...]:
        """Return the components and regions that defects were found at."""
        return tuple(sorted({*self._named(DefectTable.component), *self._named(DefectTable.region)}))

    def reviewers(self) -> tuple[str, ...]:
        """Return the people who reviewed defects."""
        return self._named(DefectTable.reviewer)

    def engines(self) -> tuple[tuple[str, str], ...]:
        """Return hash and model of the engines that inspected, the newest first."""
        columns = EngineTable.sha256, EngineTable.model, func.max(EngineTable.id)
        with self._reading() as connection:
            rows = connection.execute(
                select(*columns).group_by(EngineTable.sha256, EngineTable.model).order_by(columns[2].desc())
            )
            return tuple((sha256, model) for sha256, model, _ in rows)

    def golden_of(self, row: BoardRow) -> Path | None:
        """Return the golden board of the recipe that a board was judged by; None without one that is a single file."""
        revision = (row.recipe, row.recipe_revision)
        if revision not in self._goldens:
            with self._reading() as connection:
                known = inspect(connection).has_table(RecipeTable.__tablename__)
                recipe = read_recipe(connection, *revision) if known else None
            named = recipe.golden if recipe is not None else ""
            files = (self._place.images / named, Path(named)) if named else ()
            self._goldens[revision] = next((file.resolve() for file in files if file.is_file()), None)
        return self._goldens[revision]

    def close(self) -> None:
        """Let go of the database."""
        self._database.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with explained(self._place.name, self._place.folder), reading(self._database) as connection:
            yield connection

    def _records(self, wanted: ColumnElement[bool]) -> list[BoardRecord]:
        with self._reading() as connection:
            boards = connection.execute(_all(InspectionTable).where(wanted)).mappings().all()
            engines = _all(EngineTable).where(EngineTable.id.in_({row["engine_id"] for row in boards} - {None}))
            by_engine = {row["id"]: engine_of(row) for row in connection.execute(engines).mappings()}
            by_board: dict[int, list[DefectRow]] = {row["id"]: [] for row in boards}
            defects = _all(DefectTable).where(DefectTable.inspection_id.in_(by_board)).order_by(DefectTable.number)
            for row in connection.execute(defects).mappings():
                by_board[row["inspection_id"]].append(self._defect_row(row))
        return [self._record(row, by_board[row["id"]], by_engine.get(row["engine_id"])) for row in boards]

    def _named(self, column: InstrumentedAttribute[str]) -> tuple[str, ...]:
        """Return a column's values that are not empty: its index holds no others."""
        return self._distinct(column, column != "")

    def _distinct(self, column: InstrumentedAttribute[str], *wanted: ColumnElement[bool]) -> tuple[str, ...]:
        """Return a column's values by one index look-up each, instead of reading a million rows."""
        values: list[str] = []
        with self._reading() as connection:
            value = connection.execute(select(func.min(column)).where(*wanted)).scalar()
            while value is not None and len(values) < _MOST_VALUES:
                values.append(value)
                value = connection.execute(select(func.min(column)).where(column > value, *wanted)).scalar()
        return tuple(values)

    def _file(self, relative: str | None) -> Path | None:
        return None if relative is None else picture_file(self._place.images, relative)

    def _board_row(self, row: RowMapping) -> BoardRow:
        return BoardRow(
            id=row["id"],
            board_id=row["board_id"],
            serial=row["serial"],
            station=row["station"],
            verdict=Verdict(row["verdict"]),
            final_verdict=Verdict(row["final_verdict"]),
            reason=row["reason"],
            recipe=row["recipe"],
            recipe_revision=row["recipe_revision"],
            started_us=row["started_us"],
            ended_us=row["ts_us"],
            defects=row["defect_count"],
            open_defects=row["open_defects"],
            verdict_ms=row["latency_ms"].get("verdict"),
            preview=self._file(row["preview"]),
        )

    def _defect_row(self, row: RowMapping) -> DefectRow:
        return DefectRow(
            id=row["id"],
            number=row["number"],
            defect=defect_of(row),
            verification=Verification(row["verification"]),
            reviewer=row["reviewer"],
            verified_us=row["verified_us"],
            review_s=row["review_s"],
            crop=self._file(row["crop"]),
            crop_box=None if row["crop_box"] is None else tuple(row["crop_box"]),
        )

    def _record(self, row: RowMapping, defects: list[DefectRow], engine: EngineInfo | None) -> BoardRecord:
        return BoardRecord(
            row=self._board_row(row),
            inspection=inspection_of(row, tuple(d.defect for d in defects), engine),
            pixel_format=PixelFormat(row["pixel_format"]),
            defects=tuple(defects),
            board_image=self._file(row["board_image"]),
        )


def _keys(connection: Connection, query: HistoryQuery, after: PageKey | None, limit: int) -> list[int]:
    """Return the ids of a page of boards, newest first."""
    quick = newest_keys(query, after, limit)
    found = [] if quick is None else [key for _, key in connection.execute(quick)]
    return found if len(found) == limit else [key for _, key in connection.execute(page_keys(query, after, limit))]


def _all(table: type[Base]) -> AnySelect:
    """Select a table's columns as plain rows, not as objects that a session would have to keep."""
    return select(*table.__table__.columns)
