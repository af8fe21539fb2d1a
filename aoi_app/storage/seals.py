"""Verifies the seals of boards: whether one was changed, removed or put in by hand."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from aoi_app.core.errors import StoreError
from aoi_app.storage.database import Place, connect, reading
from aoi_app.storage.faults import explained
from aoi_app.storage.rows import engine_of, fingerprint
from aoi_app.storage.schema import EngineTable, InspectionTable
from aoi_app.storage.sealing import BEGINNING, Facts, facts, heads

_BATCH = 1_000

Progress = Callable[[int, int], None]
"""Called with boards looked at and boards to look at."""


@dataclass(frozen=True, slots=True)
class SealProof:
    """What verifying the seals gave.

    Attributes
    ----------
    boards
        Sealed boards that were read and are as they were recorded.
    unsealed
        Boards that were recorded before there were seals: nothing is known of them.
    seals
        Last good seal by station; written down elsewhere, it proves later that nothing before it was changed.
    broken
        Name of the first board that does not fit, or of the engine or station; empty when all do.
    why
        What is wrong there.
    """

    boards: int
    unsealed: int
    seals: dict[str, str]
    broken: str = ""
    why: str = ""


@dataclass(slots=True)
class _Chain:
    """How far one station's chain has been followed."""

    boards: int = 0
    seal: str = BEGINNING
    last: str = "the beginning"


@dataclass(slots=True)
class _Walk:
    chains: dict[str, _Chain] = field(default_factory=dict)
    unsealed: int = 0

    def step(self, board: Facts) -> str:
        """Take the next board; say what is wrong with it, empty when nothing is."""
        chain = self.chains.setdefault(board.station, _Chain())
        if board.seal is None:
            self.unsealed += 1
            return "it has no seal, and boards before it have" if chain.boards else ""
        if board.seal != board.sealed_after(chain.seal):
            return f"it was changed, or boards between it and {chain.last} were removed, put in or moved"
        self.chains[board.station] = _Chain(chain.boards + 1, board.seal, f"board {board.board_id}")
        return ""

    def proof(self, broken: str = "", why: str = "") -> SealProof:
        """Return what was found so far."""
        sealed = {station: chain for station, chain in self.chains.items() if chain.boards}
        n = sum(chain.boards for chain in sealed.values())
        return SealProof(n, self.unsealed, {s: chain.seal for s, chain in sealed.items()}, broken, why)


def verify_seals(place: Place, noted: Collection[str] = (), progress: Progress | None = None) -> SealProof:
    """Follow the seals of all boards; names the first one that does not fit.

    Parameters
    ----------
    noted
        Seals of earlier proofs; each must be found on the way.

    Raises
    ------
    StoreError
        The record cannot be read.
    """
    engine = connect(place, read_only=True)
    try:
        with explained(place.name, place.folder), reading(engine) as connection:
            return _verify(connection, noted, progress or (lambda _done, _of: None))
    finally:
        engine.dispose()


def require_sealed(proof: SealProof) -> None:
    """Raise StoreError when a seal is broken."""
    if proof.broken:
        raise StoreError(
            f"The record of boards is broken at {proof.broken}: {proof.why}.",
            "Keep this database as it is, compare it with the newest backup, and find out who could write to it.",
        )


def _verify(connection: Connection, noted: Collection[str], progress: Progress) -> SealProof:
    walk, missing = _Walk(), set(noted) - {BEGINNING}
    for row in connection.execute(select(*EngineTable.__table__.columns).order_by(EngineTable.id)).mappings():
        if fingerprint(engine_of(row)) != row["fingerprint"]:
            return walk.proof(f"engine {row['id']}", "its facts are not those that inspected")
    total = connection.execute(select(func.count()).select_from(InspectionTable)).scalar_one()
    for done, board in enumerate(_boards(connection), 1):
        if why := walk.step(board):
            return walk.proof(f"board {board.board_id}", why)
        missing.discard(board.seal or "")
        if done % _BATCH == 0 or done == total:
            progress(done, total)
    written = heads(connection)
    for station in sorted({*written, *(name for name, chain in walk.chains.items() if chain.boards)}):
        chain, (boards, seal) = walk.chains.get(station, _Chain()), written.get(station, (0, BEGINNING))
        if (chain.boards, chain.seal) != (boards, seal):
            why = f"{boards} boards were sealed, {chain.boards} are there: the newest were cut off or put in"
            return walk.proof(f"the end of station {station!r}", why)
    if missing:
        why = f"the noted seal {min(missing)} is nowhere in it: it was written anew, or an older copy was put back"
        return walk.proof("its beginning", why)
    return walk.proof()


def _boards(connection: Connection) -> Iterator[Facts]:
    last = 0
    while True:
        statement = select(InspectionTable.id).where(InspectionTable.id > last).order_by(InspectionTable.id)
        keys = connection.scalars(statement.limit(_BATCH)).all()
        if not keys:
            return
        yield from facts(connection, keys[0], keys[-1])
        last = keys[-1]
