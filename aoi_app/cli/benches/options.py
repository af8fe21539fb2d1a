"""What every measurement is given, and how it shows its figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

Figures = dict[str, Any]
"""JSON values."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line of `aoi bench`.

    Attributes
    ----------
    people
        Where tables and progress go; figures for programs are returned.
    headless
        The load without a window.
    recipe
        Name or file of the recipe that gives the budget of a comparison.
    batches
        Tiles in a run that are compared; empty for the usual ones.
    note
        Takes the figures that are known so far: what takes minutes keeps them as they come.
    """

    people: Console
    width: int
    lines: int
    boards: int
    model: str
    runtime: str
    precision: str
    seconds: float
    line_rate: float | None
    headless: bool
    images: Path | None
    report: Path | None
    recipe: str = ""
    batches: tuple[int, ...] = ()
    note: Callable[[Figures], None] = lambda figures: None


def show(people: Console, title: str, figures: Mapping[str, Any]) -> None:
    """Print figures by name."""
    table = Table("figure", "value", title=title, title_justify="left")
    for name, value in figures.items():
        shown = ", ".join(f"{k} {number(v)}" for k, v in value.items()) if isinstance(value, dict) else number(value)
        table.add_row(name, shown)
    people.print(table)


def number(value: Any) -> str:
    """Return a value for a table."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
