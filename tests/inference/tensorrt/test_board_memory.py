"""Pinned memory for the board ring."""

from __future__ import annotations

import gc
import threading

import numpy as np

from aoi_app.inference.runtimes.board_memory import board_memory
from tests.inference.tensorrt.standin_cuda import StandInCuda


def test_pinned_memory_lives_as_long_as_its_last_view(cuda: StandInCuda) -> None:
    allocate = board_memory("tensorrt")
    assert allocate is not None
    block = allocate(1000)
    assert block.shape == (1000,)
    assert block.dtype == np.uint8
    line = block.reshape(10, 100)[3]
    line[:] = 7
    del block
    gc.collect()
    assert len(cuda.pinned) == 1
    assert line.sum() == 700
    del line
    gc.collect()
    assert not cuda.pinned


def test_a_thread_without_a_gpu_gives_it_back(cuda: StandInCuda) -> None:
    allocate = board_memory("tensorrt")
    assert allocate is not None
    held = [allocate(1000)]
    window = threading.Thread(target=held.clear)
    window.start()
    window.join()
    gc.collect()
    assert not cuda.pinned


def test_other_runtimes_take_ordinary_memory() -> None:
    assert board_memory("onnxruntime") is None
