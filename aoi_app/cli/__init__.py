"""The `aoi` command: one program, a table of commands, each loaded only when it is called."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import typer

from aoi_app.cli.ending import end_when_silent, ending
from aoi_app.core.errors import AoiError


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: where its function or typer app is ("module:name"), and one line of help."""

    where: str
    help: str


COMMANDS = {
    "inspect": Entry("aoi_app.cli.inspect:inspect", "Inspect image files: each is one board."),
    "bench": Entry("aoi_app.cli.bench:bench", "Measure latency and throughput on this machine."),
    "history": Entry("aoi_app.storage.commands:history", "Search and export what was inspected."),
    "review": Entry("aoi_app.cli.review:review", "Open a window for review only, beside a station."),
    "again": Entry("aoi_app.cli.again:again", "Inspect a recorded board with today's recipe and engine."),
    "recipe": Entry("aoi_app.cli.recipes:app", "Make, list, compare, check and try recipes."),
    "camera": Entry("aoi_app.camera.commands:app", "List, try and simulate cameras."),
    "engine": Entry("aoi_app.inference.commands:app", "Build, list, verify and compare engines."),
    "data": Entry("aoi_app.training.data.commands:app", "Check, convert, split and draw data sets."),
    "train": Entry("aoi_app.training.commands:train", "Train a detector on labelled boards."),
    "evaluate": Entry("aoi_app.training.commands:evaluate", "Measure a model on labelled boards, or compare two."),
    "report": Entry("aoi_app.cli.report:report", "Print the report of a shift, or write it as PDF, CSV, JSON."),
    "audit": Entry("aoi_app.storage.commands_keep:audit", "Verify that the record was not changed by hand."),
    "backup": Entry("aoi_app.storage.commands_keep:backup", "Copy the record while the station runs."),
    "restore": Entry("aoi_app.storage.commands_keep:restore", "Bring a backup back."),
}


def build_app(arguments: Sequence[str]) -> typer.Typer:
    """Return the program for a command line.

    Only rooms whose command is named are imported: the window must not wait for what it does not use.
    """
    from aoi_app.cli import station

    app = typer.Typer(
        invoke_without_command=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(station.run)
    for name, entry in COMMANDS.items():
        module, _, attribute = entry.where.partition(":")
        if name not in arguments:
            app.command(name, help=entry.help)(_not_loaded)
            continue
        target = getattr(importlib.import_module(module), attribute)
        if isinstance(target, typer.Typer):
            app.add_typer(target, name=name, help=entry.help)
        else:
            app.command(name)(target)
    return app


def _not_loaded() -> None:
    raise AssertionError("a command that is not on the command line was called")


def main() -> None:
    """Run the command line, and end the process even where a device does not let go of it."""
    command = any(word in COMMANDS for word in sys.argv[1:2])
    with ending(), end_when_silent() if command else nullcontext():
        _run()


def _run() -> None:
    """Run the command line; an error that a person can mend is one message, not a traceback."""
    logging.basicConfig(level=logging.CRITICAL, format="aoi: %(message)s")
    # What a runtime does instead of what was asked for is said, whatever the command; so is a camera that is not freed.
    for name in ("aoi_app.inference", "aoi_app.camera"):
        logging.getLogger(name).setLevel(logging.WARNING)
    try:
        build_app(sys.argv[1:])()
    except AoiError as error:
        typer.secho(f"aoi: {error}", fg="red", err=True)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
