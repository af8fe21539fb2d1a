"""Calls that are given up after a limit, and what becomes of them."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from aoi_app.camera.bounded import Overdue, Worker, bounded
from aoi_app.core.errors import CameraNotFound

PATIENCE_S = 60.0


def threads(key: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == f"aoi-bounded-{key}"]


def wait_for_the_end(key: str) -> None:
    for thread in threads(key):
        thread.join(PATIENCE_S)
    assert not threads(key)


def test_calls_are_as_if_they_had_been_made_here_and_all_in_one_thread() -> None:
    left: list[int] = []
    worker = Worker("one", lambda: left.append(1))
    error = TimeoutError("of the call itself")

    def fail() -> int:
        raise error

    assert worker.call(lambda: 7, PATIENCE_S) == 7
    with pytest.raises(TimeoutError) as raised:
        worker.call(fail, PATIENCE_S)
    assert raised.value is error
    (thread,) = threads("one")
    assert worker.call(threading.get_ident, PATIENCE_S) == thread.ident == worker.begin(threading.get_ident).result(9)
    worker.end()
    wait_for_the_end("one")
    assert not left and not worker.is_given_up


@pytest.mark.parametrize("fails", [False, True])
def test_a_worker_that_is_given_up_makes_no_more_calls_leaves_and_lets_the_next_begin(fails: bool) -> None:
    go_on = threading.Event()
    done: list[str] = []

    def last() -> None:
        go_on.wait(PATIENCE_S)
        done.append("lasted")
        if fails:
            raise CameraNotFound("no", "look")

    worker = Worker("lasts", lambda: done.append("left"))
    with pytest.raises(Overdue):
        worker.call(last, 0.01, kind="open")
    worker.begin(lambda: done.append("never made"))
    with pytest.raises(Overdue):
        worker.call(lambda: done.append("never made"), PATIENCE_S)
    with pytest.raises(Overdue):
        Worker("lasts", lambda: None)
    assert worker.is_given_up and bounded("another", lambda: 9, PATIENCE_S) == 9

    others = [(Worker(kind, lambda: None), kind) for kind in ("open", "close")]
    for other, kind in others:
        with pytest.raises(Overdue) as error:
            other.call(lambda: go_on.wait(PATIENCE_S), 0.01, kind=kind)
        assert error.value.others == (("lasts",) if kind == "open" else ())
    go_on.set()
    for key in ("lasts", "open", "close"):
        wait_for_the_end(key)
    assert done == ["lasted", "left"]
    worker = Worker("lasts", lambda: None)
    assert worker.call(lambda: 8, PATIENCE_S) == 8
    worker.end()


def test_who_waits_beside_a_call_that_is_given_up_comes_back_too() -> None:
    go_on, begun = threading.Event(), threading.Event()
    worker = Worker("shared", lambda: None)

    def last() -> None:
        begun.set()
        go_on.wait(PATIENCE_S)

    worker.begin(last)
    assert begun.wait(PATIENCE_S)
    with pytest.raises(Overdue):
        worker.call(lambda: 1, 0.01)
    go_on.set()
    wait_for_the_end("shared")


ENDS = """
import threading
from aoi_app.camera.bounded import Overdue, bounded
try:
    bounded("for ever", threading.Event().wait, 0.01)
except Overdue:
    print("given up")
"""


def test_the_program_ends_though_a_call_lasts_for_ever() -> None:
    result = subprocess.run([sys.executable, "-c", ENDS], capture_output=True, text=True, timeout=PATIENCE_S)
    assert (result.returncode, result.stdout.strip()) == (0, "given up"), result.stderr
