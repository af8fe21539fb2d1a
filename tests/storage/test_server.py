"""What is PostgreSQL's own: migrations, rights, a server that goes away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, text

from aoi_app.core.errors import SettingsError, StoreError
from aoi_app.core.inspection import Verdict, Verification
from aoi_app.storage.audit import Audit
from aoi_app.storage.checking import check
from aoi_app.storage.clock import DAY_US
from aoi_app.storage.database import Place, connect, server_url
from aoi_app.storage.history import History
from aoi_app.storage.migrate import prepare, revision_of, run_command
from aoi_app.storage.pictures import PicturePolicy
from aoi_app.storage.query import HistoryQuery
from aoi_app.storage.retention import RetentionPolicy, expire, expire_whole
from aoi_app.storage.review import Review
from aoi_app.storage.schema import HEAD
from aoi_app.storage.seals import verify_seals
from aoi_app.storage.store import Store
from tests.storage.boards import START_US, board, changed, defects
from tests.storage.places import At

if TYPE_CHECKING:
    from tests.storage.postgres import Server

BACKENDS = ("postgresql",)


def test_models_and_migrations_agree_and_every_step_goes_both_ways(at: At) -> None:
    with connect(Place(*at)).begin() as connection:
        run_command(connection, "check")
        run_command(connection, "downgrade", "base")
        run_command(connection, "upgrade", "head")
        assert revision_of(connection) == HEAD


def test_an_empty_server_is_prepared_by_the_first_station(tmp_path: Path, postgres: Server) -> None:
    at = At(tmp_path / "data", postgres.url(postgres.empty()))
    store = Store(*at)
    store.record(*board(1, *defects(2)))
    store.close()
    prepare(Place(*at))
    assert sum(1 for _ in History(*at).rows(HistoryQuery())) == 1


def test_stations_with_folders_of_their_own_share_one_server(at: At) -> None:
    stations = [Store(at.folder / name, at.url, station=name) for name in ("north", "south")]
    for number in range(6):
        stations[number % 2].record(*board(number, *defects(1)))
    history = History(at.folder / "north", at.url)
    assert {r.station for r in history.rows(HistoryQuery())} == {"north", "south"}
    assert [r.serial for r in history.rows(HistoryQuery(station="south"))] == ["SN00005", "SN00003", "SN00001"]
    for station in stations:
        station.close()
    with connect(Place(*at)).connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM engine")).scalar() == 1


def test_each_station_keeps_house_among_its_own_boards(at: At) -> None:
    """The pictures of the others lie in their folders: rows that let go of them would leave them there for ever."""
    stations = {
        name: Store(at.folder / name, at.url, PicturePolicy(whole_boards=frozenset(Verdict)), name)
        for name in ("north", "south")
    }
    for number, store in enumerate(stations.values()):
        store.record(*board(number))
        store.close()
    north, south = (Place(at.folder / name, at.url) for name in stations)
    later = START_US + 400 * DAY_US
    assert expire_whole(north, 0, "north") == 1
    assert expire(north, RetentionPolicy(), later, "north") == 1
    rows = {r.station: r.preview for r in History(*at).rows(HistoryQuery())}
    assert rows["north"] is None and rows["south"] is not None
    assert len(list((at.folder / "south" / "images").glob("2*/*/board.png"))) == 1
    assert list(check(north, station="north")) == [] and list(check(south, decode=True, station="south")) == []
    assert expire(south, RetentionPolicy(), later, "south") == 1
    assert not list((at.folder / "south" / "images").glob("2*"))


def test_the_audit_is_append_only_on_the_server_too(at: At, store: Store) -> None:
    store.record(*board(1, *defects(1)))
    record = History(*at).board("board-000001")
    assert record is not None
    Review(*at).verify(record.defects[0].id, Verification.DEFECT_CONFIRMED, "kim", 1.0)
    for statement in ("UPDATE audit SET who = 'eve'", "DELETE FROM audit", "TRUNCATE audit"):
        with pytest.raises(Exception, match="append-only"), connect(Place(*at)).begin() as connection:
            connection.execute(text(statement))
    assert Audit(Place(*at)).verify().broken is None


def test_a_server_that_went_away_is_told_and_comes_back(at: At, store: Store, postgres: Server) -> None:
    store.record(*board(1))
    postgres.end_connections(at.url)
    # A connection that the server closed is replaced without a word: nothing was lost.
    store.record(*board(2))
    nowhere = At(at.folder.parent / "other", "postgresql://kim:secret@/aoi?host=/nowhere")
    with pytest.raises(StoreError, match="database") as caught:
        Store(*nowhere)
    assert "secret" not in str(caught.value)


def test_a_connection_that_breaks_within_a_board_loses_nothing_that_is_tried_again(
    at: At, store: Store, postgres: Server
) -> None:
    store.record(*board(1, *defects(2)))
    cut: list[str] = []

    @event.listens_for(store._database, "after_cursor_execute")
    def break_off(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO inspection") and not cut:
            cut.append(statement)
            postgres.end_connections(at.url)

    with pytest.raises(StoreError, match="closed the connection") as caught:
        store.record(*board(2, *defects(2)))
    assert "Go on when the server runs again" in caught.value.hint and "\n" not in str(caught.value.what)
    store.record(*board(2, *defects(2)))
    assert [r.serial for r in History(*at).rows(HistoryQuery())] == ["SN00002", "SN00001"]
    assert verify_seals(Place(*at)).boards == 2


@pytest.mark.parametrize(
    ("change", "says", "hint"),
    [
        (("aoi_", "no_such_"), "has no such database", "database URL in the settings"),
        (("//aoi@", "//eve:secret@"), "refuses name or password", "database URL in the settings"),
        (("host=", "host=/nowhere"), "does not answer", "the server runs"),
        (("@/", "@127.0.0.1:1/"), "does not answer", "the server runs"),
        (("@/", "@nobody.invalid/"), "no database server of that name", "the server runs"),
    ],
)
def test_what_is_wrong_with_the_url_is_told(
    tmp_path: Path, postgres: Server, change: tuple[str, str], says: str, hint: str
) -> None:
    url = postgres.url("aoi_1").replace(*change)
    if "@/" not in url:
        url = url.split("?")[0]
    with pytest.raises(StoreError, match=says) as caught:
        Store(tmp_path, url)
    assert hint in caught.value.hint and "secret" not in str(caught.value)


def test_a_strange_serial_number_is_stored_as_text(at: At, store: Store) -> None:
    store.record(*changed(board(1), serial="a\0b'; DROP TABLE inspection; --"))
    assert [r.serial for r in History(*at).rows(HistoryQuery())] == ["ab'; DROP TABLE inspection; --"]


@pytest.mark.parametrize("url", ["mysql://host/aoi", "sqlite:///aoi.db", "nonsense", "postgresql://host:here/aoi"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="database URL") as caught:
        server_url(url)
    assert "postgresql://" in caught.value.hint
