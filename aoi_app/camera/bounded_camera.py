"""A camera whose every call comes back within a limit, whatever its vendor's library waits for."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Protocol, TypeVar

from aoi_app.camera.bounded import Overdue, Worker
from aoi_app.camera.flat_field import Conditions
from aoi_app.camera.introspection import FeatureInfo, FeatureList
from aoi_app.core.errors import CameraLost
from aoi_app.core.protocols import AcquisitionConfig, CameraInfo, LineScanCamera
from aoi_app.core.scan import LineBlock

T = TypeVar("T")

OPEN_S = 30.0
"""The largest descriptions take ten seconds to come, and a camera may be busy for eight."""
ANSWER_S = 30.0
"""To be configured, started, or to tell its features: a hundred questions and more, some of them slow."""
CLOSE_S = 10.0
"""To stop and to let go; more than a library takes with a camera that is silent."""
CHECK_S = 1.0
"""From question to question while nothing comes from the camera."""

_log = logging.getLogger(__name__)
_OFF_AND_ON = "Switch that camera off and on; it is tried again."
_STUCK = "If it does not come back by itself, switch that camera off and on, or restart the program."


class SdkCamera(LineScanCamera, Protocol):
    """A camera through a vendor's library. Its calls may last for ever, except those that say otherwise."""

    @property
    def info(self) -> CameraInfo:
        """Who it is, as far as is known; returns at once."""

    @property
    def features(self) -> FeatureList:
        """Its features. Raises CameraError when it is not open."""

    @property
    def conditions(self) -> Conditions:
        """What a flat field that is captured now holds for; returns at once."""

    def statistics(self) -> Mapping[str, int]:
        """Return counters of the host's side; returns at once."""

    def fetch(self, timeout_s: float) -> LineBlock | None:
        """Return the next block, or None; asks the camera nothing, and returns in time."""

    def check(self) -> None:
        """Ask the camera something. Raises CameraLost when it does not answer."""


class BoundedCamera:
    """Makes all calls of a camera in one thread, and gives the camera up when one lasts too long.

    Blocks are fetched in the caller's own thread. While none come, the camera is asked now and then, in the
    background, whether it still answers. One that is given up is opened as a new object, once the call that was given
    up has ended and let go of it.

    Parameters
    ----------
    make
        Returns the camera, not open yet.
    key
        The station's name for it, such as `gige:192.168.0.10`.
    """

    def __init__(self, make: Callable[[], SdkCamera], key: str) -> None:
        self._make = make
        self._key = key
        self._camera = make()
        self._worker: Worker | None = None
        self._question: Future[None] | None = None
        self._asked_s = 0.0

    @property
    def info(self) -> CameraInfo:
        """Who it is."""
        return self._camera.info

    @property
    def features(self) -> FeatureList:
        """Its features."""
        return self

    @property
    def conditions(self) -> Conditions:
        """What a flat field that is captured now holds for."""
        return self._camera.conditions

    def describe(self) -> list[FeatureInfo]:
        """Return all features that can be read now. Raises CameraLost."""
        return self._call(lambda: self._camera.features.describe())

    def statistics(self) -> Mapping[str, int]:
        """Return what the driver counts."""
        return self._camera.statistics()

    def open(self) -> None:
        """Take the camera. Raises CameraNotFound, CameraBusy, CameraLost."""
        self._raise_if_given_up()
        if self._worker is not None:
            return
        camera = self._make()
        try:
            self._worker = Worker(self._key, camera.close)
        except Overdue as error:
            what = f"An earlier call of the camera {self._key} has not come back yet."
            raise CameraLost(what, _STUCK) from error
        self._camera, self._question = camera, None
        try:
            self._worker.call(camera.open, OPEN_S, kind=f"open {camera.info.driver}")
        except Overdue as error:
            self.close()
            what = f"The camera {self._key} cannot be opened within {OPEN_S:g} s: its driver waits for it."
            if error.others:
                what = f"The camera {self._key} has to wait for {error.others[0]}, which cannot be opened."
            raise CameraLost(what, _OFF_AND_ON) from error
        except BaseException:
            # Also when a person interrupts the wait.
            self.close()
            raise

    def configure(self, config: AcquisitionConfig) -> AcquisitionConfig:
        """Set what can be set and return what really is. Raises FeatureError, CameraLost."""
        return self._call(lambda: self._camera.configure(config))

    def start_acquisition(self) -> None:
        """Begin. Raises CameraLost, CameraError."""
        self._call(self._camera.start_acquisition)

    def fetch(self, timeout_s: float) -> LineBlock | None:
        """Return the next block, or None. Raises CameraLost, CameraError."""
        self._raise_if_given_up()
        block = self._camera.fetch(timeout_s)
        if block is None:
            self.check()
        return block

    def check(self) -> None:
        """Raise CameraLost when the camera has not answered the last question; begin to ask the next."""
        self._raise_if_given_up()
        if self._worker is None:
            return
        now = time.monotonic()
        if self._question is None:
            if now >= self._asked_s + CHECK_S:
                self._question, self._asked_s = self._worker.begin(self._camera.check), now
        elif self._question.done():
            answered, self._question = self._question, None
            answered.result()
        elif now > self._asked_s + ANSWER_S:
            self._worker.give_up()
            raise self._lost(ANSWER_S)

    def stop_acquisition(self) -> None:
        """Stop. May be called from any thread, and twice. Raises CameraLost."""
        self._call(self._camera.stop_acquisition, CLOSE_S)

    def close(self) -> None:
        """Free the camera for the next program, or say that it could not be. Never raises; may be called twice."""
        worker, self._worker = self._worker, None
        if worker is None:
            return
        try:
            worker.call(self._camera.close, CLOSE_S)
        except Overdue:
            _log.warning(f"The camera {self._key} is not given back yet: it is as soon as its driver lets go of it.")
        worker.end()

    def _call(self, work: Callable[[], T], limit_s: float | None = None) -> T:
        worker, limit_s = self._worker, limit_s or ANSWER_S
        if worker is None:
            # It says itself that it is not open.
            return work()
        try:
            return worker.call(work, limit_s)
        except Overdue as error:
            raise self._lost(limit_s) from error

    def _raise_if_given_up(self) -> None:
        if self._worker is not None and self._worker.is_given_up:
            raise CameraLost(f"An earlier call of the camera {self._key} has not come back yet.", _STUCK)

    def _lost(self, limit_s: float) -> CameraLost:
        what = f"The camera {self._key} is given up: its driver has waited for it for {limit_s:g} s."
        return CameraLost(what, _OFF_AND_ON)
