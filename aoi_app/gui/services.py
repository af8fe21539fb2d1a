"""What the window needs beside the station: the record, and what can be chosen. The program hands it in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aoi_app.core.inspection import Verdict
from aoi_app.core.recipe import Recipe
from aoi_app.core.settings import Settings
from aoi_app.storage.history import BoardRecord, BoardRow
from aoi_app.storage.query import HistoryQuery, PageKey


class HistoryReader(Protocol):
    """Reads the record; called from a worker thread, raises StoreError. `storage.history.History` is one."""

    def page(self, query: HistoryQuery, after: PageKey | None = None, limit: int = 100) -> tuple[BoardRow, ...]:
        """Return up to `limit` boards, newest first, after a key."""

    def counts(self, query: HistoryQuery) -> dict[Verdict, int]:
        """Return the number of boards by verdict."""

    def board(self, board_id: str) -> BoardRecord | None:
        """Return one board with everything known of it."""

    def recipes(self) -> tuple[str, ...]:
        """Return the recipes that boards were inspected with."""

    def classes(self) -> tuple[str, ...]:
        """Return the classes of all defects."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of a list that a person chooses from.

    Attributes
    ----------
    value
        What is written into the settings.
    title
        What a person reads.
    missing
        Why it cannot be chosen here, with the command that helps; empty when it can.
    detail
        One line more about it.
    names_zh
        Of a model: Chinese name by class.
    """

    value: str
    title: str
    missing: str = ""
    detail: str = ""
    names_zh: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Services:
    """The program around the window.

    Attributes
    ----------
    open_history
        Opens the record for reading; None when there is no record yet. Called in a worker thread.
    cameras
        Cameras that answer now, as values of `CameraSettings.source`. Called in a worker thread; may take seconds.
    models, runtimes
        What the engines folder holds, and which runtimes there are; called when the settings open.
    recipes, load_recipe, save_recipe
        The recipe book; saving returns the recipe with its new revision.
    save_settings
        Keeps the settings for the next start.
    facts
        Name and value of what the About box shows (version, folders).
    """

    open_history: Callable[[], HistoryReader | None]
    cameras: Callable[[], Sequence[Choice]]
    models: Callable[[], Sequence[Choice]]
    runtimes: Callable[[], Sequence[Choice]]
    recipes: Callable[[], Sequence[str]]
    load_recipe: Callable[[str], Recipe]
    save_recipe: Callable[[Recipe], Recipe]
    save_settings: Callable[[Settings], None]
    facts: Callable[[], Sequence[tuple[str, str]]] = tuple
