"""Work on several cores gives what it gives on one: results, order, errors; and it can be interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from aoi_app.boards import BoardSpec
from aoi_app.inference.card import Channels
from aoi_app.training import crew
from aoi_app.training.corpus import Corpus, DataError
from aoi_app.training.crew import in_processes, in_threads
from aoi_app.training.data.dataset import Dataset
from aoi_app.training.data.draw import DrawnSamples
from aoi_app.training.data.layouts.table import LAYOUTS, read_dataset
from aoi_app.training.loading import load_corpus, windows_in
from aoi_app.training.paint import Paint, painted
from tests.training.crew_work import die, process_of, refuse

PROGRAM = """
import sys
import time
from functools import partial
from pathlib import Path
from aoi_app.training import crew
from tests.training.crew_work import note
if __name__ == "__main__":
    crew.cores = lambda: 2
    for number in crew.in_processes(partial(note, Path(sys.argv[1])), range(10_000)):
        time.sleep(120)
"""


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Lets the program believe in so many cores."""
    return lambda count: monkeypatch.setattr(crew, "cores", lambda: count)


def equal(one: Corpus, other: Corpus) -> bool:
    return (
        (one.boards, one.stems, one.classes) == (other.boards, other.stems, other.classes)
        and np.array_equal(one.images, other.images)
        and np.array_equal(one.boxes, other.boxes)
        and np.array_equal(one.labels, other.labels)
    )


def test_results_come_in_order_from_other_processes_without_pytorch(on: Callable[[int], None]) -> None:
    on(2)
    numbers, workers, torch = zip(*in_processes(process_of, range(60)), strict=True)
    assert numbers == tuple(range(60))
    assert os.getpid() not in workers
    assert not any(torch)


@pytest.mark.parametrize(("count", "items", "frozen"), [(1, 60, False), (8, 30, False), (8, 60, True)])
def test_one_core_little_work_and_a_frozen_program_start_no_process(
    count: int, items: int, frozen: bool, on: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    on(count)
    if frozen:
        monkeypatch.setattr(sys, "frozen", True, raising=False)
    numbers, workers, _ = zip(*in_processes(process_of, range(items)), strict=True)
    assert numbers == tuple(range(items)) and set(workers) == {os.getpid()}


def test_threads_work_at_the_same_time_and_results_come_in_order(on: Callable[[int], None]) -> None:
    on(3)
    meeting = threading.Barrier(3, timeout=20)

    def met(number: int) -> int:
        if number < 3:
            meeting.wait()
        return number

    assert list(in_threads(met, range(20))) == list(range(20))


@pytest.mark.parametrize("spread", [in_processes, in_threads])
@pytest.mark.parametrize("count", [1, 2])
def test_the_first_error_comes_out_as_it_was_raised(
    spread: Callable[..., object], count: int, on: Callable[[int], None]
) -> None:
    on(count)
    done = []
    with pytest.raises(DataError) as raised:
        for number in spread(refuse, range(60)):  # type: ignore[attr-defined]
            done.append(number)  # noqa: PERF402 those before the error count
    assert done == list(range(40))
    assert (raised.value.what, raised.value.hint) == ("40 cannot be done.", "Do another.")


def test_a_process_that_was_ended_is_told(on: Callable[[int], None]) -> None:
    on(2)
    with pytest.raises(DataError, match="One of 2 processes"):
        list(in_processes(die, range(60)))


def test_few_items_are_handed_out_ahead(on: Callable[[int], None]) -> None:
    on(2)
    asked: list[int] = []

    class Numbers(list[int]):
        def __iter__(self):  # type: ignore[no-untyped-def]
            for number in range(60):
                asked.append(number)
                yield number

    for number, *_ in in_processes(process_of, Numbers(range(60))):
        assert asked[-1] <= number + 4


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_an_interrupted_or_killed_program(end: signal.Signals, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    seen = tmp_path / "seen"
    seen.mkdir()
    root = str(Path(__file__).parents[2])
    started = subprocess.Popen(
        [sys.executable, str(program), str(seen)], env={**os.environ, "PYTHONPATH": root},
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        wait_until(lambda: len(list(seen.glob("done-*"))) == 5)  # what is handed out ahead: now both wait for more
        workers = [int(path.name.partition("-")[2]) for path in seen.glob("process-*")]
        assert len(workers) == 2 and all(alive(pid) for pid in workers)
        if end is signal.SIGINT:
            os.killpg(started.pid, end)  # as a console does: every process gets it
        else:
            started.kill()
        said = started.communicate(timeout=60)[1]
        wait_until(lambda: not any(alive(pid) for pid in workers))
    finally:
        started.kill()
    if end is signal.SIGINT:
        assert said.count("Traceback") == 1 and said.rstrip().endswith("KeyboardInterrupt")


def alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_until(come: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not come():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_painting_gives_the_same_on_any_number_of_cores(
    corpus: Callable[..., Corpus], on: Callable[[int], None]
) -> None:
    base, paint = corpus(17, size=128), Paint(defects=(1, 2))
    before = base.images.copy()
    steps: list[int] = []
    on(1)
    one = painted(base, [3, 4], paint, lambda: steps.append(1))
    on(2)
    place = np.zeros_like(one.images)
    two = painted(base, [3, 4], paint, images=place)
    assert equal(one, two) and two.images is place and len(steps) == 34
    assert np.array_equal(base.images, before)
    assert not np.array_equal(one.images[:17], one.images[17:])
    assert np.array_equal(painted(base, [4], paint).images, one.images[17:])


def test_reading_gives_the_same_on_any_number_of_cores(
    dataset: Callable[..., Dataset], tmp_path: Path, on: Callable[[int], None]
) -> None:
    LAYOUTS["deeppcb"].write(dataset(6, size=200), tmp_path / "set", lambda: None)
    data = read_dataset(tmp_path / "set")
    steps: list[int] = []
    on(1)
    one = load_corpus(data, Channels.GREY_GOLDEN, 128, lambda: steps.append(1))
    on(3)
    place = np.zeros((windows_in(data, 128), 2, 128, 128), np.uint8)
    three = load_corpus(data, Channels.GREY_GOLDEN, 128, images=place)
    assert len(one) == 24 and len(steps) == 6
    assert equal(one, three) and three.images is place


def test_drawing_gives_the_same_on_any_number_of_cores(on: Callable[[int], None]) -> None:
    boards = DrawnSamples(BoardSpec(width=96, lines=96, defects=(1, 2)), 34, seed=9)
    on(1)
    one = list(boards.samples)
    on(2)
    two = list(boards.samples)
    assert len({sample.name for sample in one}) == 34
    assert [(s.name, s.image, s.golden, s.labels, s.board, s.split) for s in one] == [
        (s.name, s.image, s.golden, s.labels, s.board, s.split) for s in two
    ]
    assert one[0].size() == (96, 96) and one[0].pixels().shape == (96, 96)
