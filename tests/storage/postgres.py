"""A real PostgreSQL server for the tests, on a socket in a folder of its own."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from aoi_app.storage.database import Place
from aoi_app.storage.migrate import prepare

TEMPLATE = "aoi_template"
HOME = Path("/tmp")
PREFIX = "aoi-pg-"
OWNER = "owner"


class Server:
    """A running server; hands out migrated, empty databases."""

    def __init__(self, folder: Path) -> None:
        self._host = str(folder)
        self._numbers = itertools.count(1)
        self._run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
        prepare(Place(folder / "unused", self.url(TEMPLATE)))

    def url(self, database: str) -> str:
        return f"postgresql://aoi@/{database}?host={self._host}"

    def create(self) -> str:
        """Return the name of a new database."""
        name = f"aoi_{next(self._numbers)}"
        template = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._run(template.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
        return name

    def empty(self) -> str:
        """Return the name of a new database without tables."""
        name = f"aoi_{next(self._numbers)}"
        self._run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return name

    def drop(self, database: str) -> None:
        self._run(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(database)))

    def end_connections(self, url: str) -> None:
        """Close all connections to a database, as a server does that is started anew."""
        database = url.split("@/", 1)[1].split("?")[0]
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}"
        self._run(sql.SQL(end).format(sql.Literal(database)))

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(host=self._host, user="aoi", dbname="postgres", autocommit=True) as connection:
            connection.execute(statement)


def missing() -> str:
    """Say what keeps a server from being started here; empty when nothing does."""
    programs = [name for name in ("initdb", "pg_ctl", "postgres") if _program(name) is None]
    return f"PostgreSQL is not installed: {', '.join(programs)} not found" if programs else ""


def _program(name: str) -> str | None:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return shutil.which(name) or next((str(v / name) for v in versions if (v / name).exists()), None)


@contextmanager
def server() -> Iterator[Server]:
    """Start a server and remove it with everything in it."""
    _remove_leftovers()
    # A short path: the name of a socket is limited to 107 characters.
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=HOME))
    (folder / OWNER).write_text(str(os.getpid()))
    user = _account()
    if user is not None:
        shutil.chown(folder, user)
    data = folder / "data"

    def run(name: str, *arguments: str) -> None:
        done = _call(name, *arguments, user=user, folder=folder)
        assert done.returncode == 0, f"{name}: {done.stderr}{done.stdout}"

    try:
        run("initdb", "-D", str(data), "-U", "aoi", "-A", "trust", "-E", "UTF8", "--no-sync", "--no-instructions")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=200"
        run("pg_ctl", "-D", str(data), "-l", str(folder / "log"), "-o", options, "-w", "start")
        try:
            yield Server(folder)
        finally:
            run("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _call(name: str, *arguments: str, user: str | None, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [_program(name) or name, *arguments]
    return subprocess.run(command, user=user, cwd=folder, capture_output=True, text=True, check=False)


def _remove_leftovers() -> None:
    """Stop the servers of test runs that were killed: their owner is gone, and nobody else will."""
    for owner in HOME.glob(f"{PREFIX}*/{OWNER}"):
        try:
            os.kill(int(owner.read_text()), 0)
        except ProcessLookupError:
            _call("pg_ctl", "-D", str(owner.parent / "data"), "-m", "immediate", "stop", user=_account(), folder=HOME)
            shutil.rmtree(owner.parent, ignore_errors=True)
        except (OSError, ValueError):
            continue


def _account() -> str | None:
    """Return an account for the server, which refuses to run as root; None to stay who we are."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
