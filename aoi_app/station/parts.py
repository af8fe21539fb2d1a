"""What a station is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aoi_app.core.protocols import GpuMonitor, ResultStore
from aoi_app.core.recipe import Recipe
from aoi_app.core.settings import Settings
from aoi_app.station.acquisition import Line
from aoi_app.station.changeover import Changeover
from aoi_app.station.engines import Fallback, Make
from aoi_app.station.inspecting import Golden

Note = Callable[[str, str, Mapping[str, str]], None]
"""Writes into the audit what the station did by itself: act, subject, detail."""


def _people_choose(settings: Settings) -> None:
    return None


def _unnoted(act: str, subject: str, detail: Mapping[str, str]) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Parts:
    """What a station is made of; only the composition root knows the concrete ones.

    Attributes
    ----------
    changeover
        How the settings want recipes to be chosen; None where people choose.
    """

    open_line: Callable[[Settings, Recipe], Line]
    make_detector: Make
    fallback: Fallback
    open_store: Callable[[Settings], ResultStore]
    open_monitor: Callable[[], GpuMonitor]
    golden: Golden
    changeover: Callable[[Settings], Changeover | None] = _people_choose
    note: Note = _unnoted
