"""Everything a running engine holds on the device, taken at once and freed at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aoi_app.inference.device_calls import gpu_device
from aoi_app.inference.model import Model
from aoi_app.inference.runtimes.tensorrt.engine import Engine, Port
from aoi_app.inference.runtimes.tensorrt.gpu.driver import enter, let_go
from aoi_app.inference.runtimes.tensorrt.hardware import GpuFacts
from aoi_app.inference.runtimes.tensorrt.kernelset import KernelSet
from aoi_app.inference.runtimes.tensorrt.lane import Lane
from aoi_app.inference.runtimes.tensorrt.layout import MAX_BATCH
from aoi_app.inference.runtimes.tensorrt.library import Library

LANES = 2
"""While one batch is inferred, the next one is cut and the last one decoded."""
_GOOD_ENOUGH = 0.97  # of the best tiles per second: a smaller batch that reaches it waits less
_REPEATS = 10


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Device time of a whole launch (cutting to suppression) at one batch, milliseconds, the least of several."""

    batch: int
    milliseconds: float

    @property
    def tiles_per_second(self) -> float:
        """Throughput of one lane alone."""
        return 1000 * self.batch / self.milliseconds


def choose_batch(curve: Sequence[CurvePoint]) -> int:
    """Return the smallest batch that is nearly as fast, tile by tile, as the fastest."""
    best = max(p.tiles_per_second for p in curve)
    return min(p.batch for p in curve if p.tiles_per_second >= _GOOD_ENOUGH * best)


def candidate_batches(least: int, most: int) -> tuple[int, ...]:
    """Return the batches worth a graph: powers of two between the profile's ends, and the ends."""
    most = min(most, MAX_BATCH)
    return tuple(sorted({least, most, *(1 << i for i in range(MAX_BATCH.bit_length()) if least <= 1 << i <= most)}))


class Activation:
    """An engine ready to run: kernels, two lanes, the batch chosen from the measured curve.

    Parameters
    ----------
    plan
        Bytes that have been checked against their manifest.
    batch
        Tiles of a launch at most; 0 measures and chooses.
    least
        Smallest confidence that will be asked for.

    Attributes
    ----------
    curve
        What was measured; empty where nothing was.
    """

    def __init__(
        self, library: Library, plan: bytes, model: Model, gpu: GpuFacts, batch: int = 0, least: float = 1.0
    ) -> None:
        enter(gpu.index)
        self.device = gpu.index
        self.lanes: tuple[Lane, ...] = ()
        self.kernels: KernelSet | None = None
        self.engine = Engine(library, plan)
        try:
            self.kernels = KernelSet(model, self.engine.source, self._outputs(model), gpu.compute_capability, least)
            least, most = self.engine.batches
            batches = candidate_batches(least, min(batch, most) if batch else most)
            self.curve = () if batch else self._measure(batches)
            self.batch = batches[-1] if batch else choose_batch(self.curve)
            for _ in range(LANES):
                lane = Lane(self.engine, self.kernels, [b for b in batches if b <= self.batch])
                self.lanes = (*self.lanes, lane)
        except BaseException:
            self.close()
            raise

    def _outputs(self, model: Model) -> dict[str, Port]:
        return {name: self.engine.port(name) for name in model.output_names}

    def _measure(self, batches: Sequence[int]) -> tuple[CurvePoint, ...]:
        assert self.kernels is not None
        lane = Lane(self.engine, self.kernels, batches)
        try:
            for field in ("ring", "golden_ring", "samples", "golden_samples"):
                lane.call[0][field] = 1  # a board of no lines: all padding
            curve = []
            for batch in batches:
                lane.call[0]["tiles"] = batch
                times = []
                for _ in range(_REPEATS):
                    with gpu_device(self.device):
                        lane.launch(batch, timed=True)
                        lane.wait()
                    times.append(lane.milliseconds)
                curve.append(CurvePoint(batch, min(times)))
            return tuple(curve)
        finally:
            lane.close()

    @property
    def tile_ms(self) -> float:
        """Least device time of a tile over all batches, milliseconds; 0 where nothing was measured."""
        return min((point.milliseconds / point.batch for point in self.curve), default=0.0)

    def close(self) -> None:
        """Free everything; may be called twice."""
        lanes, self.lanes = self.lanes, ()
        kernels, self.kernels = self.kernels, None
        steps = [lane.close for lane in lanes]
        if kernels is not None:
            steps.append(kernels.close)
        let_go(self.device, [*steps, self.engine.close])
