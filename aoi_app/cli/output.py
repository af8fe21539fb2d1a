"""Where a command writes what programs read: a file or standard output, with one message when it cannot."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import typer
from rich.console import Console

from aoi_app.core.errors import StoreError

PIPED_WIDTH = 240
"""Characters of a line that goes into a file or another program: nothing is cut off."""

NOT_DONE = 2
"""Exit status of a run whose reader went away: the rest was not done."""

Write = Callable[[str], None]
"""Writes a piece of text, at once. Raises StoreError."""


def tables() -> Console:
    """Return standard output for tables of names that people gave: what looks like markup in one is part of it."""
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console


@contextlib.contextmanager
def output(name: str) -> Iterator[Write | None]:
    """Open what `--json FILE|-` names; None where nothing is named.

    Raises
    ------
    StoreError
        It cannot be opened or written.
    typer.Exit
        Who read standard output has gone (`aoi ... | head -1`), which is no error of anybody.
    """
    if not name:
        yield None
    elif name == "-":
        yield _to_standard_output
    else:
        with contextlib.ExitStack() as opened:
            try:
                # Raw, because a buffer would try again to write what did not fit when it is closed.
                file = opened.enter_context(Path(name).open("wb", buffering=0))
            except OSError as error:
                raise _cannot_write(name, error) from error
            yield lambda text: _to_file(file, name, text)


@contextlib.contextmanager
def latest(name: str) -> Iterator[Write | None]:
    """Open what `--json FILE|-` names for a text that is written again and again as more of it is known.

    A file holds the newest text at any time, so that a run that is killed has kept what it knew; standard output, and
    what else cannot be rewritten, gets the last one at the end. Raises as `output`.
    """
    with output(name) as write:
        if write is None:
            yield None
            return
        last = ""
        draft = Path(f"{name}.{os.getpid()}.tmp") if Path(name).is_file() else None

        def replace(text: str) -> None:
            nonlocal last
            last = text
            if draft is None:
                return
            try:
                draft.write_bytes(text.encode("utf-8", "backslashreplace"))
                draft.replace(name)
            except OSError as error:
                draft.unlink(missing_ok=True)
                raise _cannot_write(name, error) from error

        yield replace
        if draft is None and last:
            write(last)


def _to_file(file: io.FileIO, name: str, text: str) -> None:
    data = text.encode("utf-8", "backslashreplace")
    try:
        while data:
            data = data[file.write(data) :]
    except OSError as error:
        raise _cannot_write(name, error) from error


def _to_standard_output(text: str) -> None:
    try:
        # Bytes, because a console that is not UTF-8 must neither change nor refuse a name.
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The interpreter flushes standard output when it ends, and would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(NOT_DONE) from None
    except OSError as error:
        raise _cannot_write("Standard output", error) from error


def _cannot_write(name: str, error: OSError) -> StoreError:
    return StoreError(f"{name} cannot be written: {error.strerror}.", "Free some space or choose another file.")
