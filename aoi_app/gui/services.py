"""What the window needs beside the station: the record, and what can be chosen. The program hands it in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.inspection import Verdict, Verification
from aoi_app.core.options import OptionField
from aoi_app.core.protocols import CameraInfo, LineScanCamera
from aoi_app.core.recipe import Recipe
from aoi_app.core.scan import Pixels
from aoi_app.core.settings import CameraSettings
from aoi_app.gui.users.session import AccountBook
from aoi_app.station.again import SecondLook
from aoi_app.station.golden_boards import GoldenBoards
from aoi_app.storage.accounts import Account
from aoi_app.storage.alarms import AlarmRow
from aoi_app.storage.figures import Figures
from aoi_app.storage.history import BoardRecord, BoardRow
from aoi_app.storage.query import HistoryQuery, PageKey
from aoi_app.storage.recipes import RecipeRevision
from aoi_app.storage.record_settings import RecordSettings
from aoi_app.storage.review import Reviewed


class HistoryReader(Protocol):
    """Reads the record; called from a worker thread, raises StoreError. `storage.history.History` is one."""

    def page(self, query: HistoryQuery, after: PageKey | None = None, limit: int = 100) -> tuple[BoardRow, ...]:
        """Return up to `limit` boards, newest first, after a key."""

    def counts(self, query: HistoryQuery) -> dict[Verdict, int]:
        """Return the number of boards by verdict."""

    def board(self, board_id: str) -> BoardRecord | None:
        """Return one board with everything known of it."""

    def records(self, query: HistoryQuery) -> Iterator[BoardRecord]:
        """Yield all boards with their defects, newest first."""

    def recipes(self) -> tuple[str, ...]:
        """Return the recipes that boards were inspected with."""

    def classes(self) -> tuple[str, ...]:
        """Return the classes of all defects."""

    def places(self) -> tuple[str, ...]:
        """Return the components and regions that defects were found at."""

    def reviewers(self) -> tuple[str, ...]:
        """Return the people who reviewed defects."""

    def engines(self) -> tuple[tuple[str, str], ...]:
        """Return hash and model of the engines that inspected, the newest first."""


class Reviewing(Protocol):
    """Records decisions of reviewers; called from a worker thread. `storage.review.Review` is one."""

    def queue(self, limit: int = 100, recipe: str = "", holder: str = "") -> tuple[str, ...]:
        """Return the ids of boards that wait for review, oldest first, those in another window's hand left out."""

    def waiting(self, holder: str = "") -> int:
        """Return how many boards wait, those in another window's hand left out."""

    def claim(self, board_id: str, holder: str, reviewer: str) -> str:
        """Take a board in hand for a while; return "", or who has it in hand."""

    def release(self, holder: str, boards: Collection[str] | None = None) -> None:
        """Give boards back; all of a window's when none are named."""

    def elsewhere(self, holder: str) -> int:
        """Return the number of boards that other windows have in hand."""

    def verify(
        self, defect_id: int, state: Verification, reviewer: str, seconds: float, seen: Verification = ...
    ) -> Reviewed:
        """Record a decision of who saw the defect in the state `seen`, by itself waiting.

        Raises StoreError, AlreadyReviewed.
        """

    def undo(self, reviewer: str, seconds: float = 0.0, defect_id: int | None = None) -> Reviewed | None:
        """Take back the last decision of a reviewer, or that on one defect; None when there is none left."""


class AlarmBook(Protocol):
    """The alarms; called from a worker thread, raises StoreError. `storage.alarms.Alarms` is one."""

    def standing(self) -> tuple[AlarmRow, ...]:
        """Return the alarms that nobody has acknowledged, oldest first."""

    def between(self, since_us: int, until_us: int) -> tuple[AlarmRow, ...]:
        """Return the alarms of a period, oldest first."""

    def acknowledge(self, alarm_id: int, by: Account, cause: str) -> None:
        """Note who knows of an alarm and what its cause was."""


class StatisticsReader(Protocol):
    """Counts figures of a period; called from a worker thread. `storage.statistics.Statistics` is one."""

    def figures(
        self,
        since_us: int,
        until_us: int,
        query: HistoryQuery = ...,
        opportunities: Mapping[str, int] | None = None,
        interval_us: int = ...,
    ) -> Figures:
        """Return the figures of a period."""

    def places(self, query: HistoryQuery) -> NDArray[np.float64]:
        """Return the centres of confirmed defects, (n, 2) in board pixels."""


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


def _nothing() -> None:
    return None


def _keep_nothing(settings: RecordSettings) -> None:
    return None


def _create_camera(settings: CameraSettings) -> LineScanCamera:
    from aoi_app.camera.drivers import create_camera

    return create_camera(settings.source, settings.options)


def _flat_field_file(info: CameraInfo) -> Path:
    return Path(flat_field_name(info))


def flat_field_name(info: CameraInfo) -> str:
    """Return a file name for the flat field of a camera."""
    name = info.serial or info.id or info.model
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name) + ".npz"


def _no_fields(runtime: str) -> Sequence[OptionField]:
    return ()


def _no_golden(record: BoardRecord) -> None:
    return None


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
    runtime_fields
        Options of a runtime, by its name.
    try_runtimes
        Measures on this machine, with a model of the settings, whether another runtime would be faster, and says so.
        Called in a worker thread; takes seconds.
    recipes, load_recipe, save_recipe
        The recipe book; saving is in the name of somebody, and returns the recipe with its new revision.
    recipe_revisions, load_revision
        All saves of a recipe, newest first; one of them.
    save_settings
        Keeps what was changed for the next start: values by name of the setting.
    open_review, open_statistics
        Opens the record for review, for counting; None when there is no record yet. Called in a worker thread.
    read_golden
        Golden board in the geometry of an inspected one, for review; None where the product has none.
    inspect_again
        Inspects a recorded board with today's recipe and engine; None where no engine is at hand. Called in a thread
        of its own, takes seconds.
    load_record, save_record
        How the record is kept: pictures, stop rules, shifts.
    goldens
        The golden boards of recipes; None where no recipe has one of its own.
    newest_recipes
        The newest revision of every recipe.
    recipe_of_line
        From a source and the name of the recipe in force to the recipe to go on with; None for the one in force.
    open_accounts
        Opens the accounts; None where nobody is to log in. Called in a worker thread.
    open_alarms
        Opens the alarms of the stop rules; None when there is no record yet. Called in a worker thread.
    create_camera
        From settings to a camera that is not open yet, for the camera page. Called in a worker thread.
    flat_field_file
        Where the flat field of a camera is written unless somebody says otherwise.
    facts
        Name and value of what the About box shows (version, folders).
    """

    open_history: Callable[[], HistoryReader | None]
    cameras: Callable[[], Sequence[Choice]]
    models: Callable[[], Sequence[Choice]]
    runtimes: Callable[[], Sequence[Choice]]
    recipes: Callable[[], Sequence[str]]
    load_recipe: Callable[[str], Recipe]
    save_recipe: Callable[[Recipe, str], Recipe]
    recipe_revisions: Callable[[str], Sequence[RecipeRevision]]
    load_revision: Callable[[str, int], Recipe]
    save_settings: Callable[[Mapping[str, Any]], None]
    runtime_fields: Callable[[str], Sequence[OptionField]] = _no_fields
    try_runtimes: Callable[[str], str] | None = None
    open_review: Callable[[], Reviewing | None] = _nothing
    open_statistics: Callable[[], StatisticsReader | None] = _nothing
    read_golden: Callable[[BoardRecord], Pixels | None] = _no_golden
    inspect_again: Callable[[BoardRecord], SecondLook] | None = None
    load_record: Callable[[], RecordSettings] = RecordSettings
    save_record: Callable[[RecordSettings], None] = _keep_nothing
    goldens: GoldenBoards | None = None
    newest_recipes: Callable[[], Sequence[Recipe]] = tuple
    open_accounts: Callable[[], AccountBook] | None = None
    open_alarms: Callable[[], AlarmBook | None] = _nothing
    recipe_of_line: Callable[[str, str], Recipe | None] = lambda source, current: None
    create_camera: Callable[[CameraSettings], LineScanCamera] = _create_camera
    flat_field_file: Callable[[CameraInfo], Path] = _flat_field_file
    facts: Callable[[], Sequence[tuple[str, str]]] = tuple
