from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from aoi_app.storage.store import Store
from tests.storage.places import At

if TYPE_CHECKING:
    from tests.storage.postgres import Server

# Machines that run tests are busy with other things; how long an example takes says nothing.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test of the record on both databases, unless its module says which."""
    if "at" in metafunc.fixturenames:
        metafunc.parametrize("at", getattr(metafunc.module, "BACKENDS", ("sqlite", "postgresql")), indirect=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    if sys.platform == "win32":
        pytest.skip("the PostgreSQL server of the tests is started on POSIX only")
    pytest.importorskip("psycopg", reason="the PostgreSQL driver is not installed")
    from tests.storage.postgres import missing, server

    if why := missing():
        pytest.skip(why)
    with server() as running:
        yield running


@pytest.fixture
def at(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[At]:
    if request.param == "sqlite":
        yield At(tmp_path / "data")
        return
    running: Server = request.getfixturevalue("postgres")
    database = running.create()
    yield At(tmp_path / "data", running.url(database))
    running.drop(database)


@pytest.fixture
def folder(at: At) -> Path:
    return at.folder


@pytest.fixture
def store(at: At) -> Iterator[Store]:
    store = Store(*at)
    yield store
    store.close()
