"""When a call into a device is given up, and what becomes of the thread that was in it."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator

import pytest

from aoi_app.inference import device_calls
from aoi_app.inference.device_calls import LIMIT_S, LOOK_S, Device, GivenUp, Watch, any_silent, gpu_device, leave

LOOKS = round(LIMIT_S / LOOK_S)


class Caller:
    """A thread that is in a call until it is let out."""

    def __init__(self, device: Device, answers: int = 0) -> None:
        self.device, self._answers = device, answers
        self.ended: BaseException | None = None
        self.inside = threading.Semaphore(0)
        self.out = threading.Semaphore(0)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        self.inside.acquire()

    def _run(self) -> None:
        try:
            with self.device:
                for _ in range(self._answers):
                    self.inside.release()
                    self.out.acquire()
                    self.device.answered()
                self.inside.release()
                self.out.acquire()
        except BaseException as error:
            self.ended = error

    def end(self) -> None:
        self.out.release()
        self.thread.join(30)


@pytest.fixture(autouse=True)
def all_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_calls, "_silent", set())


@pytest.fixture
def calling() -> Iterator[Callable[..., Caller]]:
    made: list[Caller] = []

    def call(device: Device, answers: int = 0) -> Caller:
        made.append(Caller(device, answers))
        return made[-1]

    yield call
    for caller in made:
        caller.end()


def looks(watch: Watch, caller: Caller, times: int) -> list[str]:
    return [error.what for _ in range(times) if (error := watch.gives_up(caller.thread)) is not None]


def test_a_call_that_lasts_is_given_up_once_and_its_thread_ends(calling: Callable[..., Caller]) -> None:
    device, watch = Device("GPU 7"), Watch()
    caller = calling(device)
    assert looks(watch, caller, LOOKS) == [] and not any_silent()
    said = looks(watch, caller, 3 * LOOKS)
    assert len(said) == 1 and "GPU 7 has not answered for 10 s" in said[0]
    assert device.silent
    caller.end()
    assert isinstance(caller.ended, GivenUp)


def test_a_thread_that_is_back_in_time_goes_on(calling: Callable[..., Caller]) -> None:
    device, watch = Device("GPU 7"), Watch()
    caller = calling(device)
    assert looks(watch, caller, LOOKS) == []
    caller.end()
    assert caller.ended is None and looks(watch, caller, 2 * LOOKS) == [] and not device.silent


def test_a_device_that_answers_within_a_long_call_has_its_time_anew(calling: Callable[..., Caller]) -> None:
    device, watch = Device("GPU 7"), Watch()
    caller = calling(device, answers=1)
    assert looks(watch, caller, LOOKS) == []
    caller.out.release()
    caller.inside.acquire()
    assert looks(watch, caller, LOOKS) == []
    assert len(looks(watch, caller, 1)) == 1


def test_an_answer_that_comes_too_late_ends_the_thread(calling: Callable[..., Caller]) -> None:
    device, watch = Device("GPU 7"), Watch()
    caller = calling(device, answers=1)
    assert len(looks(watch, caller, LOOKS + 1)) == 1
    caller.end()
    assert isinstance(caller.ended, GivenUp)


def test_calls_that_follow_each_other_are_told_apart() -> None:
    device, watch = Device("GPU 7"), Watch()
    for _ in range(3 * LOOKS):
        with device:
            assert watch.gives_up(threading.current_thread()) is None


def test_a_silent_gpu_is_known_to_all(calling: Callable[..., Caller]) -> None:
    assert gpu_device(1) is gpu_device(1) and not any_silent()
    assert len(looks(Watch(), calling(gpu_device(1)), LOOKS + 1)) == 1
    assert any_silent() and gpu_device(1).silent and not gpu_device(0).silent


def test_what_is_left_is_never_freed() -> None:
    thing, freed = Device("GPU 7"), Device("GPU 8")
    left, gone = weakref.ref(thing), weakref.ref(freed)
    leave(thing)
    del thing, freed
    assert left() is not None and gone() is None
