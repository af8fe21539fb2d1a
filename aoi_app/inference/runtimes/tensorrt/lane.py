"""A lane: one stream with everything a batch needs on its way through the GPU. Two lanes keep the GPU busy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.detection import Detections
from aoi_app.core.errors import EngineError
from aoi_app.inference.runtimes.tensorrt.engine import Engine
from aoi_app.inference.runtimes.tensorrt.gpu.memory import DeviceBuffer, pinned_allocator
from aoi_app.inference.runtimes.tensorrt.gpu.stream import Event, Graph, Stream
from aoi_app.inference.runtimes.tensorrt.kernelset import KernelSet
from aoi_app.inference.runtimes.tensorrt.layout import BATCH, RESULT

STAGES = ("call", "preprocess", "inference", "postprocess")
"""What a launch does, in order; "call" brings what it works on."""


class Lane:
    """Cuts, infers, decodes and suppresses one batch at a time.

    All memory is taken here; a launch takes none. The results are written by the GPU into pinned memory.

    Parameters
    ----------
    batches
        Numbers of tiles for which a graph is made.
    """

    def __init__(self, engine: Engine, kernels: KernelSet, batches: Sequence[int]) -> None:
        self._engine, self._kernels = engine, kernels
        self._stages = {
            "call": self._queue_call,
            "preprocess": self._queue_preprocess,
            "inference": self._queue_inference,
            "postprocess": self._queue_postprocess,
        }
        self._most = max(batches)
        self._buffers: list[DeviceBuffer] = []
        self._graphs: dict[int, Graph] = {}
        self._graph_of: list[Graph] = []
        self._contexts: dict[int, Any] = {}
        self._closed = False
        self.stream = Stream()
        self._began = Event(timing=True)
        self._ended = Event(timing=True)
        try:
            self._take_memory(engine)
            for batch in batches:
                self._prepare(batch)
            self._assign()
        except BaseException:
            self.close()
            raise

    def _take_memory(self, engine: Engine) -> None:
        most, anchors = self._most, self._kernels.anchors
        self.call = pinned_allocator(BATCH.itemsize).view(BATCH)
        self.results = pinned_allocator(RESULT.itemsize * most).view(RESULT)
        # count and spoiled of each tile: one quick look tells whether there is anything to read
        self._heads = self.results.view(np.int32).reshape(most, -1)[:, :3:2]
        self.call[0] = np.zeros((), BATCH)
        self.results[:] = np.zeros((), RESULT)
        # Views are made once: looking fields up by name costs more than writing them.
        self._lines, self._tiles, self._corners = self.call["lines"], self.call["tiles"], self.call["corners"][0]
        self._board, self._ring = self.call["board"], self.call["ring"]
        self._found = [tuple(result[field] for field in ("boxes", "scores", "classes")) for result in self.results]
        self._ports = {port.name: self._take(port.nbytes(most)) for port in engine.ports}
        self._call_on_device = self._take(BATCH.itemsize).address
        self._counters = self._take(2 * 4 * most).address
        self._scratch = (
            self._take(8 * self._kernels.capacity * most).address,
            self._take(16 * anchors * most).address,
            self._take(4 * anchors * most).address,
            self._counters,
        )
        self._activations = self._take(engine.activation_bytes).address

    def _take(self, nbytes: int) -> DeviceBuffer:
        buffer = DeviceBuffer(nbytes)
        self._buffers.append(buffer)
        buffer.fill(0)
        return buffer

    def _prepare(self, batch: int) -> None:
        self._contexts[batch] = self._engine.context(batch, self._addresses, self._activations, self.stream.address)
        for stage in STAGES:
            self._stages[stage](batch, self.stream)  # TensorRT sets itself up in its first run, outside of a graph
        self.stream.synchronize()
        self._graphs[batch] = self.graph(batch)

    def graph(self, batch: int, stages: Sequence[str] = STAGES) -> Graph:
        """Return a graph of some stages for `batch` tiles; the caller closes it."""

        def record(stream: Stream) -> None:
            for stage in stages:
                self._stages[stage](batch, stream)

        return Graph(self.stream, record)

    @property
    def _addresses(self) -> dict[str, int]:
        return {name: buffer.address for name, buffer in self._ports.items()}

    def _queue_call(self, batch: int, stream: Stream) -> None:
        stream.upload(self._call_on_device, self.call.ctypes.data, BATCH.itemsize)

    def _queue_preprocess(self, batch: int, stream: Stream) -> None:
        source = self._ports[self._engine.source.name].address
        self._kernels.preprocess(stream, batch, self._call_on_device, source, self._counters)

    def _queue_inference(self, batch: int, stream: Stream) -> None:
        self._engine.enqueue(self._contexts[batch], stream.address)

    def _queue_postprocess(self, batch: int, stream: Stream) -> None:
        call, scratch = self._call_on_device, self._scratch
        self._kernels.decode(stream, batch, call, self._addresses, scratch)
        self._kernels.select(stream, batch, call, scratch, self.results.ctypes.data)

    @property
    def nbytes(self) -> int:
        """Device memory of the lane, activations included."""
        return sum(b.nbytes for b in self._buffers)

    @property
    def batches(self) -> tuple[int, ...]:
        """Numbers of tiles that have a graph, rising."""
        return tuple(sorted(self._graphs))

    def describe(self, lines: int, corners: NDArray[np.int32], board: int, ring: int) -> None:
        """Say what the next launch works on: tiles at (n, 2) x and y of a board of which `lines` lines are in.

        Parameters
        ----------
        board, ring
            Where they lie, an address that the GPU can read, in a ring of so many lines.
        """
        self._lines[0], self._tiles[0], self._board[0], self._ring[0] = lines, len(corners), board, ring
        self._corners[: len(corners)] = corners

    def launch(self, tiles: int, timed: bool = False) -> None:
        """Queue the batch that `call` describes, with the smallest graph that holds `tiles` tiles."""
        graph = self._graph_of[tiles]
        if timed:
            self._began.record(self.stream)
        graph.launch(self.stream)
        if timed:
            self._ended.record(self.stream)

    def wait(self) -> None:
        """Wait until all that was queued is done; other Python threads run. Within a `Device`: a GPU may hang."""
        self.stream.synchronize()

    def forget(self, batch: int) -> None:
        """Free the graph of a batch that is not used after all; its context stays, for it holds next to nothing."""
        self._graphs.pop(batch).close()
        self._assign()

    def _assign(self) -> None:
        """Note which graph a number of tiles takes."""
        batches = self.batches
        most = batches[-1] if batches else 0
        self._graph_of = [self._graphs[next(b for b in batches if b >= n)] for n in range(most + 1)]

    @property
    def milliseconds(self) -> float:
        """Device time of the last timed launch, which is done."""
        return self._ended.milliseconds_since(self._began)

    def results_of(self, tiles: int) -> tuple[list[int], Detections]:
        """Return what the last launch, which is done, found.

        Returns
        -------
        counts
            Detections of each tile.
        found
            All of them, copies, in pixels of the board; each tile's best first.

        Raises
        ------
        EngineError
            The network gave values that are no numbers, or classes that have no name.
        """
        heads = self._heads[:tiles].tolist()
        spoiled = sum([head[1] for head in heads])
        if spoiled:
            raise EngineError(
                f"The engine gave values that are no numbers, or classes without a name, for {spoiled} anchors.",
                "Use a higher precision, or another engine for this model; see that its card names every class.",
            )
        counts = [head[0] for head in heads]
        parts = [_copied(where, count) for where, count in zip(self._found, counts, strict=False) if count]
        return counts, parts[0] if len(parts) == 1 else Detections.concatenate(parts)

    def tensor(self, name: str, batch: int) -> NDArray[Any]:
        """Return what an input or output of the network holds, (batch, ...): for comparisons, not for boards."""
        self.stream.synchronize()
        port = self._engine.port(name)
        return self._ports[name].download((batch, *port.shape[1:]), port.dtype)

    def close(self) -> None:
        """Wait for the GPU and free everything; may be called twice."""
        if self._closed:
            return
        self._closed = True
        self.stream.synchronize()
        for graph in self._graphs.values():
            graph.close()
        self._graphs.clear()
        self._graph_of.clear()
        self._contexts.clear()
        while self._buffers:
            self._buffers.pop().free()
        for part in (self._began, self._ended, self.stream):
            part.close()


def _copied(found: tuple[NDArray[Any], ...], count: int) -> Detections:
    """Return the first `count` boxes, scores and classes of a tile: the GPU will write over them."""
    boxes, scores, classes = found
    return Detections(boxes[:count].copy(), scores[:count].copy(), classes[:count].copy())
