"""Admission gate: no engine goes on the line before it has been compared with FP32 on the plant's own images."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.detection import Detections
from aoi_app.core.errors import AoiError, EngineError
from aoi_app.core.protocols import Detector
from aoi_app.inference.frozen import FrozenBoard, detect
from aoi_app.inference.metrics import Truth, evaluate
from aoi_app.inference.quantise import Progress
from aoi_app.inference.runtimes.base import Session


@dataclass(frozen=True, slots=True)
class GateLimits:
    """What an engine must keep to.

    Attributes
    ----------
    threshold
        Confidence from which the recipe counts a defect.
    margin
        A reference box counts as lost only when it stands this much above the threshold: at the threshold itself
        the last bit decides.
    box_px
        Each side of a box is found again within this.
    map_points
        Percentage points of mAP50 that may be lost.
    identical_tiles
        Tiles in the batch that must give identical rows.
    p99_ms
        Of a tile, milliseconds; None sets no limit.
    memory_mib
        What the engine may take; None sets no limit.
    """

    threshold: float = 0.25
    margin: float = 0.05
    box_px: float = 1.0
    map_points: float = 0.1
    identical_tiles: int = 4
    p99_ms: float | None = None
    memory_mib: float | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the gate measured; kept with the engine's hash.

    Attributes
    ----------
    reasons
        Why the engine is refused; empty when it is admitted.
    precision
        Read back from the engine.
    shift_px
        Largest distance of a side between a reference box and the box that was found for it.
    map50, map50_reference
        Percent; against labels where the images have them, else against the reference's own boxes.
    labelled
        Whether the images have labels.
    p50_ms, p99_ms
        Of a tile.
    memory_mib
        Taken by the engine; None where it cannot be told.
    """

    sha256: str
    reference_sha256: str
    runtime: str
    precision: str
    device: str
    boards: int
    tiles: int
    reference_boxes: int
    lost_boxes: int
    shift_px: float
    identical_rows: bool
    map50: float
    map50_reference: float
    labelled: bool
    p50_ms: float
    p99_ms: float
    memory_mib: float | None
    checked_at: str
    reasons: tuple[str, ...] = ()

    @property
    def admitted(self) -> bool:
        """Whether the engine may go on the line."""
        return not self.reasons

    def as_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {**asdict(self), "reasons": list(self.reasons), "admitted": self.admitted}

    def __str__(self) -> str:
        verdict = "admitted" if self.admitted else "refused: " + "; ".join(self.reasons)
        return (
            f"{self.runtime} {self.precision} {verdict}. {self.lost_boxes} of {self.reference_boxes} boxes lost, "
            f"{self.shift_px:.2f} px apart at most, mAP50 {self.map50:.2f} (FP32: {self.map50_reference:.2f}), "
            f"p99 {self.p99_ms:.1f} ms a tile."
        )


def lost_boxes(reference: Detections, found: Detections, limits: GateLimits) -> tuple[int, int, float]:
    """Compare two lists of boxes of one board.

    Returns
    -------
    expected
        Reference boxes with a confidence of at least threshold + margin.
    lost
        Those of them that have no box of their class within `box_px`.
    shift
        Largest distance of a side, pixels, among those that have.
    """
    sure = reference.take(reference.scores >= limits.threshold + limits.margin)
    found = found.take(found.scores >= limits.threshold)
    if len(sure) == 0:
        return 0, 0, 0.0
    if len(found) == 0:
        return len(sure), len(sure), 0.0
    apart = np.abs(sure.boxes[:, None] - found.boxes[None]).max(axis=2)
    apart = np.where(sure.classes[:, None] == found.classes[None], apart, np.inf).min(axis=1)
    kept = apart <= limits.box_px
    return len(sure), int((~kept).sum()), float(apart[kept].max(initial=0.0))


def rows_are_identical(session: Session, tile: NDArray[Any], count: int) -> bool:
    """Run `count` copies of a tile (1, channels, height, width) in batches; tell whether all rows have the same bytes.

    A model of fixed batch is run with its own number of copies; one that takes a single tile is run twice.
    """
    batch = session.batch if session.fixed_batch else count
    copies = np.ascontiguousarray(np.repeat(tile, batch, axis=0))
    rows: set[bytes] = set()
    for _ in range(2):
        outputs = [np.array(output) for output in session.run(copies)]
        if any(len(output) != batch for output in outputs):
            return False
        rows |= {b"".join(output[i].tobytes() for output in outputs) for i in range(batch)}
    return len(rows) == 1


def no_images() -> EngineError:
    """Return the error for a plant without images."""
    return EngineError(
        "There are no images to compare engines on.",
        "Put some of the plant's own boards in the folder 'frozen' of the data folder.",
    )


def run_gate(
    reference: Detector,
    candidate: Detector,
    session: Session,
    tile: NDArray[Any],
    boards: Sequence[FrozenBoard],
    limits: GateLimits,
    *,
    memory_mib: Callable[[], float] | None = None,
    progress: Progress = lambda share, text: None,
) -> Certificate:
    """Compare a candidate with the FP32 reference, board by board, one after the other.

    Parameters
    ----------
    reference, candidate
        Both made with the same `min_confidence`, of at most `limits.threshold`.
    session
        The candidate's engine, for the identical rows of `tile` (1, channels, height, width).
    boards
        The plant's frozen images.
    memory_mib
        Returns what the candidate has taken at its peak.

    Raises
    ------
    EngineError
        There is no board to compare on. A candidate that fails is refused, with its error as the reason.
    """
    if not boards:
        raise no_images()
    measured = _Measured()
    reasons: list[str] = []
    for number, board in enumerate(boards):
        progress(number / len(boards), f"comparing on {board.name}, {number + 1} of {len(boards)}")
        wanted, truth = detect(reference, board.pixels, board.golden), board.truth
        try:
            if number == 0:
                detect(candidate, board.pixels[:1], board.golden)  # the first run takes memory, and more time
            started = time.perf_counter()
            found = detect(candidate, board.pixels, board.golden)
            tiles = max(int(candidate.latency_ms["tiles"]), 1)
            measured.add(truth, wanted, found, tiles, (time.perf_counter() - started) * 1e3, limits)
        except AoiError as error:
            reasons.append(f"it fails on {board.name}: {error.what}")
            break
    same = False
    try:
        same = rows_are_identical(session, tile, limits.identical_tiles)
    except AoiError as error:
        reasons.append(f"it fails on {limits.identical_tiles} identical tiles: {error.what}")
    taken = memory_mib() if memory_mib is not None else None
    certificate = measured.certificate(reference, candidate, same, taken)
    return _judged(certificate, limits, reasons)


class _Measured:
    """What is added up over the boards."""

    def __init__(self) -> None:
        self.expected = self.lost = self.tiles = 0
        self.shift = 0.0
        self.tile_ms: list[float] = []
        self.wanted: list[Detections] = []
        self.found: list[Detections] = []
        self.truths: list[Truth] = []
        self.counted: list[Truth] = []
        self.labelled = True

    def add(
        self, truth: Truth | None, wanted: Detections, found: Detections, tiles: int, ms: float, limits: GateLimits
    ) -> None:
        expected, lost, shift = lost_boxes(wanted, found, limits)
        self.expected += expected
        self.lost += lost
        self.shift = max(self.shift, shift)
        self.tiles += tiles
        self.tile_ms.append(ms / tiles)
        self.wanted.append(wanted)
        self.found.append(found)
        self.labelled &= truth is not None
        counted = wanted.take(wanted.scores >= limits.threshold)
        self.counted.append(Truth(counted.boxes, counted.classes))
        self.truths.append(truth or self.counted[-1])

    def certificate(self, reference: Detector, candidate: Detector, same: bool, memory: float | None) -> Certificate:
        info = candidate.info
        classes = len(info.class_names)
        # Without labels everywhere, the reference itself is the truth.
        truths = self.truths if self.labelled else self.counted
        times = self.tile_ms or [0.0]
        return Certificate(
            info.sha256,
            reference.info.sha256,
            info.runtime,
            info.precision,
            info.device,
            len(self.wanted),
            self.tiles,
            self.expected,
            self.lost,
            self.shift,
            same,
            100 * evaluate(self.found, truths, classes, 0.5).mean if truths else 0.0,
            100 * evaluate(self.wanted, truths, classes, 0.5).mean if truths else 0.0,
            self.labelled,
            float(np.percentile(times, 50)),
            float(np.percentile(times, 99)),
            memory,
            datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        )


def _judged(certificate: Certificate, limits: GateLimits, failures: Sequence[str]) -> Certificate:
    """Return the certificate with the reasons for a refusal."""
    c = certificate
    reasons = list(failures)
    if c.lost_boxes:
        reasons.append(f"{c.lost_boxes} of {c.reference_boxes} boxes of the reference are lost")
    if c.reference_boxes == 0:
        reasons.append("the reference finds no box on these images, so that nothing was compared")
    if not c.identical_rows and not failures:
        reasons.append(f"{limits.identical_tiles} identical tiles in a batch do not give identical rows")
    if c.map50 < c.map50_reference - limits.map_points:
        reasons.append(f"mAP50 is {c.map50:.2f}, FP32 has {c.map50_reference:.2f}")
    if limits.p99_ms is not None and c.p99_ms > limits.p99_ms:
        reasons.append(f"a tile takes {c.p99_ms:.1f} ms (p99), the recipe allows {limits.p99_ms:.1f} ms")
    if limits.memory_mib is not None and c.memory_mib is not None and c.memory_mib > limits.memory_mib:
        reasons.append(f"it takes {c.memory_mib:.0f} MiB, the recipe allows {limits.memory_mib:.0f} MiB")
    return replace(c, reasons=tuple(reasons))
