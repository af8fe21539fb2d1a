"""A CUDA driver on the CPU: the names of cuda-python's, the order of a GPU.

Nothing queued in a stream runs before somebody waits for it, so that a missing wait shows: a copy reads what the host
has written meanwhile, a result is read before it is there. Kernels are the package's own sources (cpu_kernels.py).
"""

from __future__ import annotations

import ctypes
import pickle
import threading
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import numpy as np

from tests.inference.tensorrt.cpu_kernels import run_kernel

TOTAL = 4 << 30
_LEAST_ADDRESS = 4096


class CUresult(IntEnum):
    CUDA_SUCCESS = 0
    CUDA_ERROR_OUT_OF_MEMORY = 2
    CUDA_ERROR_INVALID_CONTEXT = 201
    CUDA_ERROR_NOT_READY = 600
    CUDA_ERROR_ILLEGAL_ADDRESS = 700
    CUDA_ERROR_LAUNCH_FAILED = 719


OK = CUresult.CUDA_SUCCESS


class StandInStream:
    def __init__(self) -> None:
        self.work: list[Callable[[], None]] = []
        self.done = 0
        self.recording: list[Callable[[], None]] | None = None

    def add(self, step: Callable[[], None]) -> None:
        (self.work if self.recording is None else self.recording).append(step)

    def run_to(self, end: int) -> None:
        while self.done < end:
            step = self.work[self.done]
            self.done += 1
            step()


class StandInEvent:
    def __init__(self) -> None:
        self.stream: StandInStream | None = None
        self.place = 0

    def wait(self) -> None:
        if self.stream is not None:
            self.stream.run_to(self.place)


class StandInCuda:
    """One device; `lost` makes every call that reaches it fail, as those of a lost GPU do.

    Where there are several (`devices`), a context is the number of its device, and one; `owners` tells in which one
    memory was taken, by address. What has no current context fails, as it does there.

    A kernel that is handed an address where nothing is loses it, as it loses a real one.

    One that hangs (`hang`, until `answer`) takes what is queued and does none of it: what waits for it or frees there
    does not come back; `hanging` names these calls.
    """

    CUresult = CUresult
    CUdevice_attribute = int
    CUstreamCaptureMode = int

    def __init__(self) -> None:
        self.blocks: dict[int, Any] = {}
        self.pinned: dict[int, Any] = {}
        self.default_stream = StandInStream()
        self.streams: dict[int, StandInStream] = {}
        self.owners: dict[int, int] = {}
        self.devices = 1
        self._here = threading.local()
        self.events: dict[int, StandInEvent] = {}
        self.graphs: dict[int, list[Callable[[], None]]] = {}
        self.modules: dict[int, Any] = {}
        self.allocations = 0
        self.uploaded = 0
        self.lost = False
        self.hanging: list[str] = []
        self._answers = threading.Event()
        self._answers.set()
        self._next = 1000

    def _new(self, table: dict[int, Any], value: Any) -> int:
        self._next += 1
        table[self._next] = value
        return self._next

    @property
    def held(self) -> int:
        """Bytes of device memory in use."""
        return sum(len(b) for b in self.blocks.values())

    def hang(self) -> None:
        """Do nothing from here on."""
        self._answers.clear()

    def answer(self) -> None:
        """Go on with what was queued."""
        self._answers.set()

    def wait(self, call: str) -> None:
        """Come back when the device answers."""
        if not self._answers.is_set():
            self.hanging.append(call)
            assert self._answers.wait(60), f"{call} waits for a GPU that hangs"

    def _refused(self) -> Any:
        return CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, 0

    # devices and contexts
    def cuInit(self, flags: int) -> Any:
        return (OK,)

    def cuDeviceGetCount(self) -> Any:
        return OK, self.devices

    def cuDeviceGet(self, index: int) -> Any:
        return OK, index

    def cuDeviceGetName(self, size: int, device: int) -> Any:
        return OK, b"Stand-in GPU\0\0"

    def cuDeviceGetAttribute(self, attribute: int, device: int) -> Any:
        return OK, {75: 8, 76: 6, 16: 10}[attribute]

    def cuDriverGetVersion(self) -> Any:
        return OK, 13000

    def cuDevicePrimaryCtxRetain(self, device: int) -> Any:
        return OK, device + 1

    def cuCtxSetCurrent(self, context: int) -> Any:
        self._here.context = context
        return (OK,)

    def cuCtxGetCurrent(self) -> Any:
        return OK, getattr(self._here, "context", 0)

    # memory
    def cuMemAlloc(self, nbytes: int) -> Any:
        if self.lost:
            return self._refused()
        if self.held + nbytes > TOTAL:
            return CUresult.CUDA_ERROR_OUT_OF_MEMORY, 0
        self.allocations += 1
        block = (ctypes.c_uint8 * (nbytes + 256))()
        address = -(-ctypes.addressof(block) // 256) * 256
        self.blocks[address] = block
        self.owners[address] = self.cuCtxGetCurrent()[1]
        return OK, address

    def cuMemFree(self, address: int) -> Any:
        self.wait("cuMemFree")
        del self.blocks[address]
        return (OK,)

    def cuMemHostAlloc(self, nbytes: int, flags: int) -> Any:
        block = (ctypes.c_uint8 * nbytes)()
        self.pinned[ctypes.addressof(block)] = block
        return OK, ctypes.addressof(block)

    def cuMemFreeHost(self, address: int) -> Any:
        if not self.cuCtxGetCurrent()[1]:
            return (CUresult.CUDA_ERROR_INVALID_CONTEXT,)
        self.wait("cuMemFreeHost")
        del self.pinned[address]
        return (OK,)

    def cuMemGetInfo(self) -> Any:
        if self.lost:
            return (*self._refused(), 0)
        return OK, TOTAL - self.held, TOTAL

    def cuMemsetD8(self, address: int, byte: int, nbytes: int) -> Any:
        self.default_stream.add(lambda: self._set(address, byte, nbytes))
        return (OK,)

    def cuMemcpyHtoD(self, device: int, host: int, nbytes: int) -> Any:
        staged = ctypes.string_at(host, nbytes)
        self.default_stream.add(lambda: self._put(device, staged))
        return (OK,)

    def cuMemcpyDtoH(self, host: int, device: int, nbytes: int) -> Any:
        self.cuStreamSynchronize(0)
        ctypes.memmove(host, device, nbytes)
        return (OK,)

    def cuMemcpyHtoDAsync(self, device: int, host: int, nbytes: int, stream: int) -> Any:
        if self.lost:
            return self._refused()[:1]
        self.uploaded += nbytes
        self.streams[stream].add(lambda: self._move(device, host, nbytes))
        return (OK,)

    def cuMemcpyDtoDAsync(self, target: int, device: int, nbytes: int, stream: int) -> Any:
        self.streams[stream].add(lambda: self._move(target, device, nbytes))
        return (OK,)

    @staticmethod
    def _move(device: int, host: int, nbytes: int) -> None:
        ctypes.memmove(device, host, nbytes)

    @staticmethod
    def _set(address: int, byte: int, nbytes: int) -> None:
        ctypes.memset(address, byte, nbytes)

    @staticmethod
    def _put(device: int, staged: bytes) -> None:
        ctypes.memmove(device, staged, len(staged))

    # streams and events
    def cuStreamCreate(self, flags: int) -> Any:
        return OK, self._new(self.streams, StandInStream())

    def cuStreamDestroy(self, stream: int) -> Any:
        self.wait("cuStreamDestroy")
        del self.streams[stream]
        return (OK,)

    def cuStreamSynchronize(self, stream: int) -> Any:
        if self.lost:
            return (CUresult.CUDA_ERROR_LAUNCH_FAILED,)
        self.wait("cuStreamSynchronize")
        queue = self.streams[stream] if stream else self.default_stream
        queue.run_to(len(queue.work))
        return (OK,)

    def cuStreamQuery(self, stream: int) -> Any:
        queue = self.streams[stream]
        done = queue.done >= len(queue.work) and self._answers.is_set()
        return (OK if done else CUresult.CUDA_ERROR_NOT_READY,)

    def cuStreamWaitEvent(self, stream: int, event: int, flags: int) -> Any:
        mark = StandInEvent()  # of the state at this call
        mark.stream, mark.place = self.events[event].stream, self.events[event].place
        self.streams[stream].add(mark.wait)
        return (OK,)

    def cuStreamWaitValue32(self, stream: int, address: int, value: int, flags: int) -> Any:
        """Hang once that stream is waited for; nobody writes the word."""
        self.streams[stream].add(self._hang_here)
        return (OK,)

    def _hang_here(self) -> None:
        self.hang()
        self.wait("cuStreamWaitValue32")

    def cuEventCreate(self, flags: int) -> Any:
        return OK, self._new(self.events, StandInEvent())

    def cuEventDestroy(self, event: int) -> Any:
        del self.events[event]
        return (OK,)

    def cuEventRecord(self, event: int, stream: int) -> Any:
        self.events[event].stream = self.streams[stream]
        self.events[event].place = len(self.streams[stream].work)
        return (OK,)

    def cuEventSynchronize(self, event: int) -> Any:
        if self.lost:
            return (CUresult.CUDA_ERROR_LAUNCH_FAILED,)
        self.wait("cuEventSynchronize")
        self.events[event].wait()
        return (OK,)

    def cuEventElapsedTime(self, start: int, end: int) -> Any:
        return OK, 1.0

    # graphs
    def cuStreamBeginCapture(self, stream: int, mode: int) -> Any:
        self.streams[stream].recording = []
        return (OK,)

    def cuStreamEndCapture(self, stream: int) -> Any:
        recorded, self.streams[stream].recording = self.streams[stream].recording, None
        return OK, recorded

    def cuGraphInstantiate(self, graph: Any, flags: int) -> Any:
        return OK, self._new(self.graphs, graph)

    def cuGraphDestroy(self, graph: Any) -> Any:
        return (OK,)

    def cuGraphExecDestroy(self, graph: int) -> Any:
        self.wait("cuGraphExecDestroy")
        del self.graphs[graph]
        return (OK,)

    def cuGraphLaunch(self, graph: int, stream: int) -> Any:
        for step in self.graphs[graph]:
            self.streams[stream].add(step)
        return (OK,)

    # kernels: "machine code" is the source's name and its numbers
    def cuModuleLoadData(self, code: bytes) -> Any:
        return OK, self._new(self.modules, pickle.loads(code))

    def cuModuleGetFunction(self, module: int, name: bytes) -> Any:
        return OK, (*self.modules[module], name.decode())

    def cuModuleUnload(self, module: int) -> Any:
        self.wait("cuModuleUnload")
        del self.modules[module]
        return (OK,)

    def cuLaunchKernel(self, kernel: Any, x: int, y: int, z: int, block: int, *rest: Any) -> Any:
        stream, (values, _) = rest[3], rest[4]
        if any(isinstance(value, int) and value < _LEAST_ADDRESS for value in values):
            self.lost = True
        if self.lost:
            return (OK,)  # it is queued; whatever comes after it fails
        source, defines, name = kernel
        self.streams[stream].add(lambda: run_kernel(source, name, defines, (x, y), block, list(values)))
        return (OK,)


def standin_code(name: str, compute_capability: Any, defines: Any) -> bytes:
    """Take the place of `compile_kernels`."""
    return pickle.dumps((name, dict(defines)))


def view(address: int, shape: tuple[int, ...], dtype: Any) -> Any:
    """Return the array at an address."""
    nbytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_uint8 * nbytes).from_address(address), dtype).reshape(shape)
