"""Records of every older program, with data in them, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from aoi_app.core.inspection import Verification
from aoi_app.core.recipe import Recipe
from aoi_app.storage import migrate
from aoi_app.storage.accounts import Accounts
from aoi_app.storage.audit import Audit, require_whole
from aoi_app.storage.checking import check
from aoi_app.storage.database import Place, connect
from aoi_app.storage.history import History
from aoi_app.storage.migrate import prepare, revision_of, run_command
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.recipes import RecipeBook
from aoi_app.storage.review import Review
from aoi_app.storage.schema import HEAD
from aoi_app.storage.seals import require_sealed, verify_seals
from aoi_app.storage.store import Store
from tests.storage.boards import board, defects
from tests.storage.places import At

BOARDS = 3
FILES = (Path(migrate.__file__).parent / "migrations" / "versions").glob("0*.py")
SHAPES = sorted(shape for shape in (file.name[:4] for file in FILES) if shape != HEAD)


def fill(at: At, store: Store, reviewed: bool) -> Place:
    for number in range(BOARDS):
        store.record(*board(number, *defects(number)))
    accounts, book, review, history = Accounts(*at), RecipeBook(*at), Review(*at), History(*at)
    accounts.create_first("Ana", "1234")
    book.save(Recipe(name="panel"), "Ana")
    record = history.board(f"board-{BOARDS - 1:06d}")
    assert record is not None
    if reviewed:
        review.verify(record.defects[0].id, Verification.DEFECT_CONFIRMED, "Ana", 2.0)
    for one in (accounts, book, review, history, store):
        one.close()
    return Place(*at)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_brought_forward_and_goes_on(at: At, store: Store, shape: str) -> None:
    lived = fill(at, store, reviewed=shape > "0001")  # there was no review in the first shape
    with connect(lived, foreign_keys=False).begin() as connection:
        run_command(connection, "downgrade", shape)
        assert revision_of(connection) == shape
    prepare(lived)
    with connect(lived).connect() as connection:
        assert revision_of(connection) == HEAD
        assert connection.execute(text("SELECT count(*) FROM defect")).scalar() == sum(range(BOARDS))
    book = RecipeBook(lived.folder, lived.url)
    assert book.save(book.load("panel").model_copy(update={"max_lines": 900})).revision == 2
    book.close()
    after = Store(lived.folder, lived.url)
    after.record(*board(BOARDS, *defects(1)))
    after.close()
    review, history = Review(lived.folder, lived.url), History(lived.folder, lived.url)
    record = history.board(f"board-{BOARDS:06d}")
    assert record is not None
    review.verify(record.defects[0].id, Verification.DEFECT_REJECTED, "Ben", 1.0)
    assert sum(1 for _ in history.rows(HistoryQuery())) == BOARDS + 1
    for one in (review, history):
        one.close()
    audit = Audit(lived)
    require_whole(audit.verify())
    audit.close()
    seals = verify_seals(lived)
    require_sealed(seals)
    assert seals.boards + seals.unsealed == BOARDS + 1
    assert list(check(lived, decode=True)) == []
