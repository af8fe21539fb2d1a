"""Streams, events and graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aoi_app.inference.runtimes.tensorrt.gpu.driver import check, driver

_NON_BLOCKING = 1
_NO_TIMING = 2
_RELAXED = 2  # TensorRT allocates while it is captured


class Stream:
    """A queue of work on the device."""

    def __init__(self) -> None:
        self._handle = check(driver().cuStreamCreate(_NON_BLOCKING), "make a stream")
        self.address = int(self._handle)

    @property
    def handle(self) -> Any:
        """The driver's own handle."""
        return self._handle

    def synchronize(self) -> None:
        """Wait until all work in the stream is done; other Python threads run meanwhile."""
        check(driver().cuStreamSynchronize(self._handle), "wait for the GPU")

    @property
    def idle(self) -> bool:
        """Whether all work in the stream is done."""
        cuda = driver()
        (status,) = cuda.cuStreamQuery(self._handle)
        if status == cuda.CUresult.CUDA_ERROR_NOT_READY:
            return False
        check((status,), "ask the GPU")
        return True

    def upload(self, device: int, host: int, nbytes: int) -> None:
        """Queue a copy of `nbytes` from host address to device address."""
        check(driver().cuMemcpyHtoDAsync(device, host, nbytes, self._handle), "copy to the GPU")

    def wait(self, event: Event) -> None:
        """Let the work queued from here on wait for `event`."""
        check(driver().cuStreamWaitEvent(self._handle, event.handle, 0), "order two streams")

    def close(self) -> None:
        """Destroy the stream; may be called twice."""
        if self._handle is not None:
            handle, self._handle = self._handle, None
            check(driver().cuStreamDestroy(handle), "destroy a stream")


class Event:
    """A mark in a stream.

    Parameters
    ----------
    timing
        Whether `milliseconds_since` is wanted; costs a little.
    """

    def __init__(self, timing: bool = False) -> None:
        self.handle = check(driver().cuEventCreate(0 if timing else _NO_TIMING), "make an event")

    def record(self, stream: Stream) -> None:
        """Mark the work queued in `stream` so far."""
        check(driver().cuEventRecord(self.handle, stream.handle), "mark a stream")

    def synchronize(self) -> None:
        """Wait for the marked work; other Python threads run meanwhile."""
        check(driver().cuEventSynchronize(self.handle), "wait for the GPU")

    def milliseconds_since(self, start: Event) -> float:
        """Return the device time between two timed events, both done."""
        return float(check(driver().cuEventElapsedTime(start.handle, self.handle), "read the GPU's clock"))

    def close(self) -> None:
        """Destroy the event; may be called twice."""
        if self.handle is not None:
            handle, self.handle = self.handle, None
            check(driver().cuEventDestroy(handle), "destroy an event")


class Graph:
    """Work recorded once and launched many times with one call.

    Parameters
    ----------
    record
        Queues the work in the stream it is given; run once, while the stream is captured.
    """

    def __init__(self, stream: Stream, record: Callable[[Stream], None]) -> None:
        cuda = driver()
        check(cuda.cuStreamBeginCapture(stream.handle, cuda.CUstreamCaptureMode(_RELAXED)), "record a graph")
        try:
            record(stream)
        except BaseException:
            cuda.cuStreamEndCapture(stream.handle)  # already failing: the first error is the one to tell
            raise
        graph = check(cuda.cuStreamEndCapture(stream.handle), "record a graph")
        try:
            self._executable = check(cuda.cuGraphInstantiate(graph, 0), "make a graph ready")
        finally:
            check(cuda.cuGraphDestroy(graph), "destroy a graph")

    def launch(self, stream: Stream) -> None:
        """Queue all of the recorded work."""
        check(driver().cuGraphLaunch(self._executable, stream.handle), "launch a graph")

    def close(self) -> None:
        """Free the graph; may be called twice."""
        if self._executable is not None:
            executable, self._executable = self._executable, None
            check(driver().cuGraphExecDestroy(executable), "destroy a graph")
