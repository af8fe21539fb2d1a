"""The pages of the window, as a table; each is imported when it is first shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QWidget

from aoi_app.storage.accounts import Right

if TYPE_CHECKING:
    from aoi_app.core.scan import Pixels
    from aoi_app.gui.shell import Shell
    from aoi_app.gui.window import MainWindow


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its name, title, and how it is made; pages that need no line do in any window of the program."""

    name: str
    title: str
    make: Callable[[Any], QWidget]


def _line(window: MainWindow) -> QWidget:
    return window.line


def _history(window: Shell) -> QWidget:
    from aoi_app.gui.history.page import HistoryPage
    from aoi_app.gui.history.repairs import Repairs

    services = window.services

    def repairs(owner: QWidget) -> Repairs:
        return Repairs(
            owner,
            services.open_review,
            services.open_history,
            lambda: window.session.name,
            lambda: window.session.may(Right.REVIEW),
            lambda: window.settings.review_keys,
        )

    return HistoryPage(services.open_history, window, services.inspect_again, repairs)


def _review(window: Shell) -> QWidget:
    from aoi_app.gui.review.page import ReviewPage

    services = window.services
    return ReviewPage(
        services.open_review,
        services.open_history,
        services.read_golden,
        lambda: window.session.name,
        window,
        may=lambda: window.session.may(Right.REVIEW),
        keys=window.settings.review_keys,
    )


def _statistics(window: Shell) -> QWidget:
    from aoi_app.gui.statistics.page import StatisticsPage

    services = window.services

    def golden_of(recipe: str, revision: int) -> Pixels | None:
        return None if services.goldens is None else services.goldens.of(services.load_revision(recipe, revision))

    return StatisticsPage(
        services.open_statistics,
        services.open_history,
        window,
        services.open_alarms,
        lambda: services.load_record().shifts,
        golden_of,
    )


def _recipes(window: MainWindow) -> QWidget:
    from aoi_app.gui.recipes.page import RecipePage

    return RecipePage(window)


def _camera(window: MainWindow) -> QWidget:
    from aoi_app.gui.camera.page import CameraPage

    return CameraPage(window)


PAGES = (
    Page("line", "Line", _line),
    Page("review", "Review", _review),
    Page("history", "History", _history),
    Page("statistics", "Statistics", _statistics),
    Page("recipes", "Recipes", _recipes),
    Page("camera", "Camera", _camera),
)
