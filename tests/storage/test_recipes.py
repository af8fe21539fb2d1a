from __future__ import annotations

import pytest

from aoi_app.core.errors import RecipeError
from aoi_app.core.recipe import ClassRule, Recipe, Region
from aoi_app.storage.audit import Audit
from aoi_app.storage.database import Place, connect
from aoi_app.storage.recipes import RecipeBook
from aoi_app.storage.store import Store
from tests.storage.places import At

FIRST = Recipe(name="panel", pixel_size_um=(20.0, 21.5), rules={"short": ClassRule(min_confidence=0.7)})
SECOND = FIRST.model_copy(update={"ignore_regions": (Region(name="边", x=1, y=2, w=3, h=4),)})


@pytest.fixture
def book(at: At) -> RecipeBook:
    return RecipeBook(*at)


def test_every_save_is_a_revision_and_all_of_them_stay(book: RecipeBook) -> None:
    assert [book.save(r).revision for r in (FIRST, SECOND, FIRST)] == [1, 2, 3]
    assert book.load("panel") == FIRST.model_copy(update={"revision": 3})
    assert book.load("panel", 2) == SECOND.model_copy(update={"revision": 2})
    assert [r.revision for r in book.history("panel")] == [3, 2, 1]


def test_saving_what_is_saved_already_is_no_new_revision(book: RecipeBook) -> None:
    saved = book.save(FIRST, by="kim", comment="first")
    assert book.save(saved) == saved
    assert [(r.saved_by, r.comment) for r in book.history("panel")] == [("kim", "first")]


def test_rolling_back_is_a_new_revision_that_says_so(book: RecipeBook) -> None:
    book.save(FIRST)
    book.save(SECOND)
    back = book.roll_back("panel", 1, by="lee")
    assert back == FIRST.model_copy(update={"revision": 3})
    assert book.history("panel")[0].comment == "as revision 1"


def test_recipes_do_not_mix(book: RecipeBook) -> None:
    book.save(FIRST)
    assert book.save(Recipe(name="other")).revision == 1
    assert book.names() == ("other", "panel")


def test_a_recipe_that_is_not_there_names_those_that_are(book: RecipeBook) -> None:
    book.save(FIRST)
    with pytest.raises(RecipeError, match=r"no recipe 'nothing'.*panel"):
        book.load("nothing")
    with pytest.raises(RecipeError, match="no revision 7 of recipe 'panel'"):
        book.load("panel", 7)


def test_a_recipe_that_was_changed_by_hand_is_refused(at: At, book: RecipeBook) -> None:
    book.save(FIRST)
    with connect(Place(*at)).begin() as connection:
        connection.exec_driver_sql("UPDATE recipe SET body = replace(body, '0.7', '0.1')")
    with pytest.raises(RecipeError, match="hash does not match"):
        book.load("panel")


def test_recipes_are_saved_while_a_station_records(at: At, store: Store) -> None:
    assert RecipeBook(*at).save(FIRST).revision == 1


def test_every_revision_is_in_the_audit(at: At, book: RecipeBook) -> None:
    book.save(FIRST, by="kim")
    book.save(SECOND, by="lee")
    book.save(SECOND, by="lee")
    audit = Audit(Place(*at))
    assert [(e.who, e.subject) for e in audit.entries()] == [
        ("kim", "recipe panel, revision 1"),
        ("lee", "recipe panel, revision 2"),
    ]
    audit.close()


def test_the_newest_of_every_recipe_is_read_again_when_anybody_saves(at: At) -> None:
    book, other = RecipeBook(*at), RecipeBook(*at)
    assert book.newest() == ()
    other.save(Recipe(name="a"))
    other.save(Recipe(name="b"))
    assert [(r.name, r.revision) for r in book.newest()] == [("a", 1), ("b", 1)]
    known = book.newest()
    assert book.newest() is known
    other.save(Recipe(name="a", product="x"))
    assert sorted((r.name, r.revision) for r in book.newest()) == [("a", 2), ("b", 1)]
    book.close()
    other.close()


def test_what_the_station_did_with_a_recipe_is_in_the_audit(at: At) -> None:
    book = RecipeBook(*at)
    book.note("station 1", "changeover", "recipe a, revision 1", {"code": "A1"})
    book.close()
    audit = Audit(Place(*at))
    (entry,) = audit.entries()
    assert (entry.who, entry.act, entry.subject) == ("station 1", "changeover", "recipe a, revision 1")
    assert audit.verify().broken is None
    audit.close()
