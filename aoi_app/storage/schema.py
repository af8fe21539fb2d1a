"""Tables of the record. The same on SQLite and PostgreSQL; changed only together with a migration."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

HEAD = "0006"
"""Newest migration. A test holds it to the scripts, so that a start need not read them to know that all is well."""

Key = BigInteger().with_variant(Integer, "sqlite")
"""Primary keys: SQLite counts up only an INTEGER."""


Bytewise = Text().with_variant(Text(collation="C"), "postgresql")
"""Text that sorts by code point on every server, so that "begins with" can be a range of an index."""


class Base(DeclarativeBase):
    """All tables; constraints have names, because SQLite migrations need them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    # float: SQLAlchemy 2.0 would take Float where 2.1 takes Double, as the migrations do
    type_annotation_map = {float: Double, list[Any]: JSON, dict[str, Any]: JSON}  # noqa: RUF012 (read by SQLAlchemy)


class EngineTable(Base):
    """What inspected: one row for each set of engine facts that was ever in use."""

    __tablename__ = "engine"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)
    sha256: Mapped[str] = mapped_column(String(64))
    runtime: Mapped[str] = mapped_column(Text)
    precision: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(Text)
    device: Mapped[str] = mapped_column(Text)
    class_names: Mapped[list[Any]]
    detail: Mapped[str] = mapped_column(Text)


class InspectionTable(Base):
    """One row a board. Times are UTC microseconds; `ts_us` is when the verdict stood.

    `final_verdict` is the verdict until review changes it; `open_defects` counts defects that still wait for review.
    Paths are relative to the image archive. `registration` is the six numbers that lay the golden board onto the scan,
    `pictures` the SHA-256 of each picture by its file's name, `seal` the hash of all of it (`sealing.py`).
    """

    __tablename__ = "inspection"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    board_id: Mapped[str] = mapped_column(Bytewise, unique=True)
    serial: Mapped[str] = mapped_column(Bytewise)
    station: Mapped[str] = mapped_column(String(80))
    verdict: Mapped[str] = mapped_column(String(8))
    final_verdict: Mapped[str] = mapped_column(String(8))
    reason: Mapped[str] = mapped_column(Text)
    recipe: Mapped[str] = mapped_column(String(80))
    recipe_revision: Mapped[int]
    engine_id: Mapped[int | None] = mapped_column(ForeignKey("engine.id"))
    lines: Mapped[int]
    width: Mapped[int]
    pixel_format: Mapped[str] = mapped_column(String(16))
    missing_lines: Mapped[int]
    missing_reasons: Mapped[list[Any]]
    input_hash: Mapped[str] = mapped_column(String(64))
    started_us: Mapped[int] = mapped_column(BigInteger)
    ts_us: Mapped[int] = mapped_column(BigInteger)
    latency_ms: Mapped[dict[str, Any]]
    defect_count: Mapped[int]
    open_defects: Mapped[int]
    preview: Mapped[str | None] = mapped_column(Text)
    board_image: Mapped[str | None] = mapped_column(Text)
    registration: Mapped[list[Any] | None] = mapped_column(JSON)
    pictures: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    seal: Mapped[str | None] = mapped_column(String(64))

    __table_args__ = (
        Index(None, "ts_us", "verdict"),
        Index(None, "verdict", "ts_us"),
        # The revision comes along so that opportunities are counted from the index alone.
        Index(None, "recipe", "ts_us", "verdict", "recipe_revision"),
        Index(None, "serial", "ts_us"),
        Index(None, "engine_id", "ts_us"),
        *(
            # What housekeeping asks for every few minutes; on an old record few boards have pictures still.
            Index(
                name, *columns, sqlite_where=text(f"{kept} IS NOT NULL"), postgresql_where=text(f"{kept} IS NOT NULL")
            )
            for name, kept, columns in (
                ("ix_inspection_with_pictures", "preview", ("final_verdict", "ts_us")),
                ("ix_inspection_kept_whole", "board_image", ("ts_us", "id")),
            )
        ),
        Index(
            "ix_inspection_to_review",
            "ts_us",
            sqlite_where=text("open_defects > 0"),
            postgresql_where=text("open_defects > 0"),
        ),
    )


class DefectTable(Base):
    """One row a defect. `ts_us` repeats the board's, so that a class can be read newest first from one index.

    `place_x` and `place_y` are its centre on the golden board, where the scan was registered to it.
    """

    __tablename__ = "defect"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    inspection_id: Mapped[int] = mapped_column(ForeignKey("inspection.id"))
    number: Mapped[int]
    defect_code: Mapped[str] = mapped_column(Text)
    confidence: Mapped[float]
    x1: Mapped[float]
    y1: Mapped[float]
    x2: Mapped[float]
    y2: Mapped[float]
    size_um: Mapped[float | None]
    region: Mapped[str] = mapped_column(Text)
    component: Mapped[str] = mapped_column(Text)
    severity: Mapped[int]
    counts: Mapped[bool]
    ts_us: Mapped[int] = mapped_column(BigInteger)
    verification: Mapped[str] = mapped_column(String(16))
    reviewer: Mapped[str] = mapped_column(String(80))
    verified_us: Mapped[int | None] = mapped_column(BigInteger)
    review_s: Mapped[float]
    crop: Mapped[str | None] = mapped_column(Text)
    crop_box: Mapped[list[Any] | None] = mapped_column(JSON)
    place_x: Mapped[float | None]
    place_y: Mapped[float | None]

    __table_args__ = (
        UniqueConstraint("inspection_id", "number"),
        # The state comes last so that a class in one state is found without reading a row.
        Index(None, "defect_code", "ts_us", "inspection_id", "verification"),
        # Holds all that the figures of a period are counted from: they are read from the index alone.
        Index("ix_defect_figures", "ts_us", "counts", "verification", "defect_code", "review_s"),
        *(
            # Most boards name no place and wait for no reviewer: those rows are left out of the index.
            Index(
                f"ix_defect_by_{column}",
                column,
                "ts_us",
                "inspection_id",
                sqlite_where=text(f"{column} <> ''"),
                postgresql_where=text(f"{column} <> ''"),
            )
            for column in ("region", "component", "reviewer")
        ),
    )


class RecipeTable(Base):
    """Every revision of every recipe that was ever saved; rows are never changed."""

    __tablename__ = "recipe"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    revision: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    body: Mapped[str] = mapped_column(Text)
    saved_us: Mapped[int] = mapped_column(BigInteger)
    saved_by: Mapped[str] = mapped_column(String(80))
    comment: Mapped[str] = mapped_column(Text)

    __table_args__ = (UniqueConstraint("name", "revision"),)


class VerificationTable(Base):
    """Every decision of a reviewer, in order; an undone one stays, marked."""

    __tablename__ = "verification"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    defect_id: Mapped[int] = mapped_column(ForeignKey("defect.id"))
    at_us: Mapped[int] = mapped_column(BigInteger)
    reviewer: Mapped[str] = mapped_column(String(80))
    before: Mapped[str] = mapped_column(String(16))
    before_reviewer: Mapped[str] = mapped_column(String(80))
    before_us: Mapped[int | None] = mapped_column(BigInteger)
    after: Mapped[str] = mapped_column(String(16))
    seconds: Mapped[float]
    undone: Mapped[bool]

    __table_args__ = (Index(None, "defect_id"), Index(None, "reviewer", "id"), Index(None, "at_us"))


class ClaimTable(Base):
    """Boards that a review window has in hand until a moment; `holder` is the window, `reviewer` who sits there."""

    __tablename__ = "claim"

    inspection_id: Mapped[int] = mapped_column(Key, ForeignKey("inspection.id"), primary_key=True, autoincrement=False)
    holder: Mapped[str] = mapped_column(String(40))
    reviewer: Mapped[str] = mapped_column(String(80))
    until_us: Mapped[int] = mapped_column(BigInteger)


class AccountTable(Base):
    """Who may do what; `secret` is an argon2 hash of a PIN or password."""

    __tablename__ = "account"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    role: Mapped[str] = mapped_column(String(16))
    secret: Mapped[str] = mapped_column(Text)
    active: Mapped[bool]
    created_us: Mapped[int] = mapped_column(BigInteger)
    failures: Mapped[int]
    locked_until_us: Mapped[int] = mapped_column(BigInteger)


class AuditTable(Base):
    """What people did, in order; each row carries the hash of the one before. Triggers refuse changes."""

    __tablename__ = "audit"

    seq: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    at_us: Mapped[int] = mapped_column(BigInteger)
    who: Mapped[str] = mapped_column(String(80))
    act: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(Text)
    detail: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditHeadTable(Base):
    """Number and hash of the last audit row: one row, locked by whoever appends, so that the chain never forks."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(Key, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(String(64))


class SealHeadTable(Base):
    """Number of sealed boards and the last seal of each station, locked by whoever records a board there."""

    __tablename__ = "seal_head"

    station: Mapped[str] = mapped_column(String(80), primary_key=True, autoincrement=False)
    boards: Mapped[int] = mapped_column(BigInteger)
    seal: Mapped[str] = mapped_column(String(64))


class AlarmTable(Base):
    """Stop rules that fired, and who acknowledged them, why."""

    __tablename__ = "alarm"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    at_us: Mapped[int] = mapped_column(BigInteger)
    station: Mapped[str] = mapped_column(String(80))
    rule: Mapped[str] = mapped_column(String(40))
    what: Mapped[str] = mapped_column(Text)
    acknowledged_us: Mapped[int | None] = mapped_column(BigInteger)
    acknowledged_by: Mapped[str] = mapped_column(String(80))
    cause: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index(None, "at_us"),)
