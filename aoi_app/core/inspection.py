"""Judging: from detections and a recipe to a verdict. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from aoi_app.core.components import ComponentFinder
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
    stand_in
        It computes in place of what was asked for; `detail` says why. Told of an engine at work, not recorded.
    """

    runtime: str
    precision: str
    model: str
    sha256: str
    device: str
    class_names: tuple[str, ...]
    detail: str = ""
    stand_in: bool = False


@dataclass(frozen=True, slots=True)
class Defect:
    """One defect of a board.

    Attributes
    ----------
    box
        x1, y1, x2, y2 in pixels of the board.
    size_um
        Longer side in micrometres; None when the recipe has no pixel size.
    region, component
        Where it is in the recipe's words: name of the inspection region, reference designator; empty where unknown.
    counts
        Whether it fails the board: False for one that the recipe tolerates (maximum defects of its class).
    place
        Its centre on the golden board, pixels; None where the scan was not registered, and `box` itself tells.
    """

    defect_code: str
    confidence: float
    box: tuple[float, float, float, float]
    size_um: float | None = None
    region: str = ""
    component: str = ""
    severity: int = 1
    counts: bool = True
    place: tuple[float, float] | None = None


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
    registration
        Golden (x, y, 1) -> scan (x, y), row by row; None where the scan was not registered.
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
    registration: tuple[float, ...] | None = None


ToGolden = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Moves (n, 2) places of a scan to the golden board."""


def judge(
    detections: Detections,
    completeness: Completeness,
    recipe: Recipe,
    class_names: Sequence[str],
    width: int,
    to_golden: ToGolden | None = None,
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
    to_golden
        Where the board lies on the golden one, in whose pixels the recipe's regions are; None for the same place.

    Returns
    -------
    Judgement
        Defects sorted by severity, then confidence; those in ignore regions, below their threshold or their minimum
        size are left out; those within the tolerated number of their class are kept but do not count.
    """
    defects = _defects(detections, recipe, class_names, to_golden)
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


def relevant(
    detections: Detections, recipe: Recipe, class_names: Sequence[str], to_golden: ToGolden | None = None
) -> Detections:
    """Return the detections that a recipe looks at: sure enough, large enough, and not in an ignore region."""
    rules = _rules(detections, recipe, class_names, _places(detections, to_golden))
    return detections.take(np.array([rule is not None for rule in rules], bool))


def _places(detections: Detections, to_golden: ToGolden | None) -> NDArray[np.float64]:
    """Return the centres of the boxes on the golden board, (n, 2)."""
    centres = (detections.boxes[:, :2].astype(np.float64) + detections.boxes[:, 2:]) / 2
    return centres if to_golden is None or not len(centres) else to_golden(centres)


def _rules(
    detections: Detections, recipe: Recipe, class_names: Sequence[str], places: NDArray[np.float64]
) -> list[ClassRule | None]:
    """Return the rule that judges each detection; None for one that the recipe does not look at."""
    found: list[ClassRule | None] = []
    for box, score, index, (x, y) in zip(
        detections.boxes, detections.scores, detections.classes, places.tolist(), strict=True
    ):
        rule = recipe.rule_at(class_names[int(index)], x, y)
        size = _size_um(box, recipe)
        small = rule is not None and size is not None and size < rule.min_size_um
        found.append(None if rule is None or not rule.enabled or float(score) < rule.min_confidence or small else rule)
    return found


def _size_um(box: NDArray[np.float32], recipe: Recipe) -> float | None:
    """Return the longer side, micrometres; None when the recipe has no pixel size."""
    if recipe.pixel_size_um is None:
        return None
    across, along = recipe.pixel_size_um
    return max(float(box[2] - box[0]) * across, float(box[3] - box[1]) * along)


def _defects(
    detections: Detections, recipe: Recipe, class_names: Sequence[str], to_golden: ToGolden | None
) -> tuple[Defect, ...]:
    places = _places(detections, to_golden)
    rules = _rules(detections, recipe, class_names, places)
    kept = [k for k, rule in enumerate(rules) if rule is not None]
    names = ComponentFinder(recipe.components, recipe.component_frame).names(places[kept])
    found: list[tuple[Defect, ClassRule, tuple[str, int]]] = []
    for k, name in zip(kept, names, strict=True):
        rule = rules[k]
        assert rule is not None
        box, code = detections.boxes[k], class_names[int(detections.classes[k])]
        x, y = (float(v) for v in places[k])
        region = recipe.region_at(code, x, y)
        # What a region's own rule tolerates is counted in that region, everything else on the board.
        group = (code, id(region) if region is not None and code in region.rules else 0)
        x1, y1, x2, y2 = (float(v) for v in box)
        defect = Defect(
            code,
            float(detections.scores[k]),
            (x1, y1, x2, y2),
            _size_um(box, recipe),
            region=region.name if region is not None else "",
            component=name,
            severity=rule.severity,
            place=None if to_golden is None else (x, y),
        )
        found.append((defect, rule, group))
    found.sort(key=lambda entry: (-entry[0].severity, -entry[0].confidence, entry[0].box))
    per_group = Counter(group for _, _, group in found)
    return tuple(
        defect if per_group[group] > rule.max_defects else replace(defect, counts=False)
        for defect, rule, group in found
    )
