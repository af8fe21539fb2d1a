"""A training that ends in time: how many steps there is time for, from how fast it has gone so far."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from aoi_app.training.corpus import DataError

KEPT_S = 25.0
"""Seconds kept at least for what follows the training: last checkpoint, export, end of the processes."""
TRIAL_S = 3.0
"""Seconds of trial steps before the first epoch; less where the whole time is short."""

_TRIAL_SHARE = 0.02
_LEAST_REST = 0.05  # of an epoch: a shorter last one is not worth its look at the watched windows


@dataclass(frozen=True, slots=True)
class Limit:
    """The time that a command was given.

    Attributes
    ----------
    minutes
        As asked for.
    began
        When the command began, seconds of `time.monotonic`, which all processes of a machine share.
    """

    minutes: float
    began: float

    @property
    def ends(self) -> float:
        """When everything is to be over, seconds of `time.monotonic`."""
        return self.began + 60 * self.minutes

    def until(self, export_s: float = 0.0) -> float:
        """Return when the training is to be over, where one export was seen to take `export_s` seconds.

        Raises
        ------
        DataError
            That is past: nothing can be trained.
        """
        until = self.ends - max(KEPT_S, 3 * export_s)
        now = time.monotonic()
        if until <= now:
            raise DataError(
                f"There is no time to train: of the {self.minutes:g} minutes {now - self.began:.0f} s have gone into "
                f"reading and preparing, and {self.ends - until:.0f} s are kept for the export.",
                "Give more --minutes, or less to read, --paint and --drawn.",
            )
        return until


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a training goes.

    Attributes
    ----------
    step_s
        Seconds a step.
    epoch_s
        Seconds that an epoch takes beside its steps: watched windows, checkpoints.
    """

    step_s: float
    epoch_s: float = 0.0

    def steps_within(self, seconds: float, epoch_steps: int) -> int:
        """Return how many steps there is time for, begun with a new epoch; every epoch wants its `epoch_s`."""
        if seconds <= 0:
            return 0
        epochs = int(seconds / (epoch_steps * self.step_s + self.epoch_s))
        rest_s = seconds - epochs * (epoch_steps * self.step_s + self.epoch_s) - self.epoch_s
        rest = min(epoch_steps, math.floor(rest_s / self.step_s)) if rest_s > 0 else 0
        if epochs and rest < _LEAST_REST * epoch_steps:
            rest = 0
        return epochs * epoch_steps + rest


class Pacer:
    """Measures a training and says how many steps it is to have, so that it is over in time.

    Before each epoch the number is planned anew. Within an epoch it only falls, by what the run is late: the learning
    rate, a function of the step and the number, then comes down sooner, and at its end when the time is.

    Parameters
    ----------
    until
        When the last epoch, with all that belongs to it, is to be over; on `clock`, seconds.
    """

    def __init__(self, until: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._until, self._clock = until, clock
        self._mark = clock()
        self._step_s = 0.0
        self.pace: Pace | None = None
        """None until something was measured."""

    @property
    def left_s(self) -> float:
        """Seconds that are left for the training; negative where it is late."""
        return self._until - self._clock()

    @property
    def trial_s(self) -> float:
        """Seconds that trial steps may take."""
        return min(TRIAL_S, _TRIAL_SHARE * self.left_s)

    @property
    def lap_s(self) -> float:
        """Seconds since `begin` or `stepped`."""
        return self._clock() - self._mark

    def begin(self) -> None:
        """Begin to measure the steps of an epoch."""
        self._mark = self._clock()

    def stepped(self, steps: int) -> None:
        """Take note that the steps of an epoch are done; what is beside them begins."""
        self._step_s = max(1e-9, self.lap_s / steps)
        self._mark = self._clock()

    def rested(self) -> None:
        """Take note that an epoch is over, with all that belongs to it: its pace is what is planned with."""
        self.pace = Pace(self._step_s, max(0.0, self.lap_s))

    def planned(self, done: int, epoch_steps: int) -> int:
        """Return how many steps the whole run has time for, `done` of them done; at least these."""
        assert self.pace is not None, "measure first"
        within = done % epoch_steps  # of an epoch that is begun: as if its first steps were still to do, and their time
        left_s = self.left_s + within * self.pace.step_s
        return max(done, done - within + self.pace.steps_within(left_s, epoch_steps))
