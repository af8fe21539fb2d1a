"""`aoi audit`, `aoi backup`, `aoi restore`."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from aoi_app.core.errors import StoreError
from aoi_app.storage.audit import Audit, last_hash, note, require_whole
from aoi_app.storage.backup import back_up, bring_to_disk, default_target
from aoi_app.storage.backup import restore as bring_back
from aoi_app.storage.checking import check as look_for_problems
from aoi_app.storage.checking import remove_orphans
from aoi_app.storage.clock import from_us, iso
from aoi_app.storage.commands import Data
from aoi_app.storage.folders import existing_record, record_place, station_of
from aoi_app.storage.lock import StationLock
from aoi_app.storage.seals import require_sealed, verify_seals

audit = typer.Typer(no_args_is_help=True)


@audit.command()
def verify(
    data: Data = None,
    head: Annotated[str, typer.Option(help="Hash that an earlier verification printed: it must be found again.")] = "",
    seal: Annotated[list[str] | None, typer.Option(help="The same for a seal; may be given several times.")] = None,
) -> None:
    """Follow the audit and the seals of the boards from their beginning; exit status 1 when somebody changed something.

    The first broken link of each is named.
    """
    where = existing_record(data)
    people = Console(stderr=True, highlight=False)
    reader = Audit(where)
    try:
        with people.status("following the audit"):
            proof = reader.verify(head)
    finally:
        reader.close()
    with Progress(console=people, transient=True) as progress:
        task = progress.add_task("boards", total=None)
        seals = verify_seals(where, seal or (), lambda done, of: progress.update(task, completed=done, total=of))
    whole = _holds(lambda: require_whole(proof)), _holds(lambda: require_sealed(seals))
    if whole[0]:
        typer.echo(f"{proof.entries:,} entries, none changed. Head, to be noted elsewhere: {proof.head}")
    if whole[1]:
        older = f" ({seals.unsealed:,} older ones have no seal)" if seals.unsealed else ""
        typer.echo(f"{seals.boards:,} boards, none changed{older}.")
        for station, last in seals.seals.items():
            typer.echo(f"Seal{' of ' + station if station else ''}, to be noted elsewhere: {last}")
    raise typer.Exit(int(not all(whole)))


def _holds(require: Callable[[], None]) -> bool:
    """Say what is broken, if anything is."""
    try:
        require()
    except StoreError as error:
        typer.secho(str(error), fg="red", err=True)
        return False
    return True


@audit.command()
def check(
    data: Data = None,
    decode: Annotated[bool, typer.Option("--decode", help="Also read every picture and compare it; minutes.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Remove pictures that no row refers to.")] = False,
) -> None:
    """Check database, rows and pictures against each other; exit status 1 when something does not fit."""
    where = existing_record(data)
    # A board whose pictures are there and whose row is about to come is no orphan: no station while removing.
    lock = StationLock(where.folder) if repair else None
    try:
        people = Console(stderr=True, highlight=False)
        with people.status("checking"):
            problems = list(look_for_problems(where, decode, station_of(data)))
        for problem in problems:
            typer.echo(f"{problem.kind}: {problem.where}: {problem.what}")
        removed = remove_orphans(where, problems) if repair else 0
        if removed:
            note(where, getpass.getuser(), "remove orphans", str(where.images), {"pictures": removed})
    finally:
        if lock is not None:
            lock.release()
    people.print(f"{len(problems)} problems" + (f", {removed} orphans removed" if repair else ""))
    raise typer.Exit(int(len(problems) > removed))


def backup(
    target: Annotated[Path | None, typer.Argument(help="Folder to make; in the data folder when not given.")] = None,
    data: Data = None,
    pictures: Annotated[bool, typer.Option(help="Also copy the pictures.")] = True,
) -> None:
    """Copy the record, database and pictures, while the station runs."""
    where = record_place(data)
    folder = target or default_target(where)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("copying", total=None)
        manifest = back_up(where, folder, pictures, lambda done, of: progress.update(task, completed=done, total=of))
        bring_to_disk()
    boards = manifest.rows.get("inspection", 0)
    typer.echo(f"{folder}: {boards:,} boards, {manifest.pictures:,} pictures")


def restore(
    source: Annotated[Path, typer.Argument(help="Folder that `aoi backup` made.")],
    data: Data = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Bring a backup back; the record that is there now is kept beside it. The station must not be running."""
    where = record_place(data)
    if not yes:
        typer.confirm(f"Replace the record in {where.name} by the backup {source}?", abort=True)
    before = last_hash(where)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("restoring", total=None)
        manifest = bring_back(where, source, lambda done, of: progress.update(task, completed=done, total=of))
    note(where, getpass.getuser(), "restore backup", str(source), {"made": iso(manifest.made_us), "replaced": before})
    bring_to_disk()
    typer.echo(f"{manifest.rows.get('inspection', 0):,} boards of {_local(manifest.made_us)} are back in {where.name}")


def _local(us: int) -> str:
    return from_us(us).astimezone().strftime("%Y-%m-%d %H:%M")
