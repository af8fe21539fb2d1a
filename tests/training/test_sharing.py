"""Windows reach other processes through memory that all share: as they were, and without a copy for each."""

from __future__ import annotations

import gc
import multiprocessing
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from aoi_app.training.sharing import Shared, empty
from tests.training.sharing_work import look

linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere images are handed over as copies")
SIZE = 64 << 20


def drawn(make: Callable[[tuple[int, ...]], NDArray[np.uint8]], *shape: int) -> NDArray[np.uint8]:
    images = make(shape)
    images[...] = np.random.default_rng(5).integers(0, 255, shape, np.uint8)
    return images


def seen_by_processes(shared: Shared, count: int = 2) -> list[dict[str, Any]]:
    """Return what each process tells of the images, all of them looking at the same time."""
    context = multiprocessing.get_context("spawn")
    ends: list[Connection] = []
    processes = []
    for _ in range(count):
        ours, theirs = context.Pipe()
        process = context.Process(target=look, args=(shared, theirs))
        process.start()
        ends.append(ours)
        processes.append(process)
    for end in ends:
        assert end.recv() == "looked"
    for end in ends:
        end.send("tell")
    told = [end.recv() for end in ends]
    for end, process in zip(ends, processes, strict=True):
        end.send("go")
        process.join(60)
        assert process.exitcode == 0
    return told


@pytest.mark.parametrize("shape", [(3, 2, 32, 32), (1, 1, 1, 1), (0, 2, 32, 32)])
@pytest.mark.parametrize("make", [empty, lambda shape: np.empty(shape, np.uint8)], ids=["shared", "copied"])
def test_images_arrive_as_they_were_and_what_a_process_writes_stays_its_own(
    shape: tuple[int, ...], make: Callable[[tuple[int, ...]], NDArray[np.uint8]]
) -> None:
    images = drawn(make, *shape)
    before = images.copy()
    for told in seen_by_processes(Shared(images)):
        np.testing.assert_array_equal(told["images"], before)
    np.testing.assert_array_equal(images, before)  # each process has written zeros


def test_a_part_of_an_array_arrives_as_that_part() -> None:
    images = drawn(empty, 6, 1, 8, 8)
    for part in (images[2:4], images[::-1], images[:, :, ::2], images[:6]):
        (told,) = seen_by_processes(Shared(part), 1)
        np.testing.assert_array_equal(told["images"], part)


@linux
def test_many_processes_have_one_copy_of_the_images() -> None:
    images = drawn(empty, SIZE)
    shared = Shared(images)
    assert shared.images is images, "what is in such memory already is not copied"
    told = seen_by_processes(shared, 3)
    # Each looked at all of them: its share is a quarter, this process having one too.
    for one in told:
        assert one["rss"] >= SIZE and one["pss"] <= SIZE / 3, one


@linux
def test_an_array_from_elsewhere_is_copied_once_for_all() -> None:
    told = seen_by_processes(Shared(drawn(lambda shape: np.empty(shape, np.uint8), SIZE)), 3)
    for one in told:
        assert one["rss"] >= SIZE and one["pss"] <= SIZE / 3, one


@linux
def test_the_memory_goes_with_the_array() -> None:
    def files() -> set[str]:
        return {name for fd in Path("/proc/self/fd").iterdir() if "windows" in (name := target(fd))}

    def target(fd: Path) -> str:
        try:
            return f"{fd.name} {fd.readlink()}"
        except FileNotFoundError:
            return ""

    gc.collect()
    before = files()
    images = drawn(empty, 4096)
    held = files() - before
    assert held
    view = images[:10]
    del images
    gc.collect()
    assert files() - before == held and view.sum() > 0
    del view
    gc.collect()
    assert files() == before
