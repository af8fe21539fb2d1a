"""Judging: from detections and a recipe to a verdict. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.detection import Detections
from aoi_app.core.recipe import ClassRule, Recipe
from aoi_app.core.scan import Completeness


class Verdict(str, Enum):
    """Outcome of an inspection; the words of IPC-CFX `TestResult`."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    ERROR = "ERROR"
    ABORTED = "ABORTED"


class Verification(str, Enum):
    """What a reviewer said of a defect; the words of IPC-CFX `VerificationResult`."""

    NOT_VERIFIED_YET = "NotVerifiedYet"
    DEFECT_CONFIRMED = "DefectConfirmed"
    DEFECT_REJECTED = "DefectRejected"
    DEFECT_ACCEPTED = "DefectAccepted"
    DEFECT_REPAIRED = "DefectRepaired"
    DEFECT_CLOSED = "DefectClosed"


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What really inspects: read back from the runtime, never taken from a file's name.

    Attributes
    ----------
    sha256
        Of the model or plan file that runs.
    precision
        What runs, e.g. "fp32" or "FP16 in 61 of 63 layers".
    """

    runtime: str
    precision: str
    model: str
    sha256: str
    device: str
    class_names: tuple[str, ...]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect of a board.

    Attributes
    ----------
    box
        x1, y1, x2, y2 in pixels of the board.
    size_um
        Longer side in micrometres; None when the recipe has no pixel size.
    counts
        Whether it fails the board: False for one that the recipe tolerates (maximum defects of its class).
    """

    defect_code: str
    confidence: float
    box: tuple[float, float, float, float]
    size_um: float | None = None
    region: str = ""
    component: str = ""
    severity: int = 1
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, why, and the defects it rests on."""

    verdict: Verdict
    reason: str
    defects: tuple[Defect, ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """Everything that is known of one inspected board: what the record keeps.

    Attributes
    ----------
    started_ns, ended_ns
        Wall clock (UTC) at the leading edge and when the verdict stood, nanoseconds.
    latency_ms
        Stage -> milliseconds; "verdict" is the time from the last line to the verdict.
    """

    board_id: str
    serial: str
    verdict: Verdict
    reason: str
    defects: tuple[Defect, ...]
    recipe: str
    recipe_revision: int
    engine: EngineInfo | None
    completeness: Completeness
    input_hash: str
    started_ns: int
    ended_ns: int
    width: int
    latency_ms: Mapping[str, float] = field(default_factory=dict)


def judge(
    detections: Detections, completeness: Completeness, recipe: Recipe, class_names: Sequence[str], width: int
) -> Judgement:
    """Decide on one board.

    Parameters
    ----------
    detections
        In pixels of the board, already merged.
    completeness
        An incomplete board is `ERROR` whatever was found on it.
    width
        Of the board, pixels.

    Returns
    -------
    Judgement
        Defects sorted by severity, then confidence; those in ignore regions, below their threshold or their minimum
        size are left out; those within the tolerated number of their class are kept but do not count.
    """
    defects = _defects(detections, recipe, class_names)
    problems = list(completeness.reasons)
    if completeness.missing_lines:
        problems.append(f"{completeness.missing_lines} lines are missing")
    if completeness.lines or not problems:
        # Of a board that was not seen at all the reason is known; its size is not.
        problems += recipe.size_problems(width, completeness.lines)
    if problems:
        return Judgement(Verdict.ERROR, "; ".join(problems), defects)
    failing = Counter(d.defect_code for d in defects if d.counts)
    if failing:
        return Judgement(Verdict.FAILED, ", ".join(f"{n} x {code}" for code, n in sorted(failing.items())), defects)
    return Judgement(Verdict.PASSED, "", defects)


def relevant(detections: Detections, recipe: Recipe, class_names: Sequence[str]) -> Detections:
    """Return the detections that a recipe looks at: sure enough, large enough, and not in an ignore region."""
    kept = [
        _is_relevant(box, float(score), recipe.rule(class_names[int(index)]), recipe)
        for box, score, index in zip(detections.boxes, detections.scores, detections.classes, strict=True)
    ]
    return detections.take(np.array(kept, bool))


def _is_relevant(box: NDArray[np.float32], score: float, rule: ClassRule, recipe: Recipe) -> bool:
    x1, y1, x2, y2 = (float(v) for v in box)
    size = _size_um(box, recipe)
    if not rule.enabled or score < rule.min_confidence or (size is not None and size < rule.min_size_um):
        return False
    return not any(region.contains((x1 + x2) / 2, (y1 + y2) / 2) for region in recipe.ignore_regions)


def _size_um(box: NDArray[np.float32], recipe: Recipe) -> float | None:
    """Return the longer side, micrometres; None when the recipe has no pixel size."""
    if recipe.pixel_size_um is None:
        return None
    across, along = recipe.pixel_size_um
    return max(float(box[2] - box[0]) * across, float(box[3] - box[1]) * along)


def _defects(detections: Detections, recipe: Recipe, class_names: Sequence[str]) -> tuple[Defect, ...]:
    looked_at = relevant(detections, recipe, class_names)
    found: list[Defect] = []
    for box, score, index in zip(looked_at.boxes, looked_at.scores, looked_at.classes, strict=True):
        code = class_names[int(index)]
        x1, y1, x2, y2 = (float(v) for v in box)
        centre = ((x1 + x2) / 2, (y1 + y2) / 2)
        found.append(
            Defect(
                code,
                float(score),
                (x1, y1, x2, y2),
                _size_um(box, recipe),
                region=next((r.name for r in recipe.regions if r.contains(*centre)), ""),
                severity=recipe.rule(code).severity,
            )
        )
    found.sort(key=lambda d: (-d.severity, -d.confidence, d.box))
    per_class = Counter(d.defect_code for d in found)
    return tuple(
        d if per_class[d.defect_code] > recipe.rule(d.defect_code).max_defects else replace(d, counts=False)
        for d in found
    )
