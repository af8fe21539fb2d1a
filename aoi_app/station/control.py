"""What the window and the command line may do with a station."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

from aoi_app.core.recipe import Recipe
from aoi_app.core.settings import Settings
from aoi_app.station.judged import JudgedBoard
from aoi_app.station.live import LiveFrame
from aoi_app.station.status import Event, StationStatus
from aoi_app.station.taking import TakenBoard


class StationControl(Protocol):
    """A station as its listeners see it. No call blocks; all may come from any thread."""

    def start(self) -> None:
        """Arm and run; from IDLE or FAULT."""

    def pause(self) -> None:
        """Finish the board in hand, then let no more boards in."""

    def resume(self) -> None:
        """Go on after `pause`."""

    def stop(self) -> None:
        """Stop acquisition, inspect and record what is in, go to IDLE."""

    def apply(self, settings: Settings) -> None:
        """Work with other settings from the next board on; what fails is an event and the old ones stay."""

    def use_recipe(self, recipe: Recipe) -> None:
        """Judge the next board by another recipe."""

    def take_board(self) -> Future[TakenBoard]:
        """Ask for the next whole board that passes, as a picture; cancelling the future takes the wish back."""

    def reset_counters(self) -> None:
        """Begin a new shift."""

    def status(self) -> StationStatus:
        """Return the newest snapshot."""

    def events(self, after: int) -> tuple[Event, ...]:
        """Return the events numbered above `after` that are still kept (the last 1,000)."""

    def frame(self) -> LiveFrame | None:
        """Return the newest picture of the line."""

    def judged(self) -> JudgedBoard | None:
        """Return the newest verdict with pictures of its defects; `frame` may be boards ahead of it."""

    @property
    def settings(self) -> Settings:
        """The settings in force."""

    @property
    def recipe(self) -> Recipe:
        """The recipe in force."""
