"""May model B replace model A? What one finds and the other does not, defect by defect, and the rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from aoi_app.core.detection import Detections
from aoi_app.inference.metrics import Truth
from aoi_app.training.corpus import DataError
from aoi_app.training.scoring.detecting import Inspected
from aoi_app.training.scoring.figures import Figures, measure, paired

SURE = 0.05
"""How far above its threshold a detection must be to count as sure: a sure find must not be lost."""
MAP_TOLERANCE = 0.001
CLEAN_LEAST = 0.75


@dataclass(frozen=True, slots=True)
class Difference:
    """A defect that only one of the models finds."""

    picture: str
    defect_code: str
    box: tuple[float, float, float, float]
    confidence_a: float
    confidence_b: float


@dataclass(frozen=True, slots=True)
class Rule:
    """One condition of a replacement: what was found, and whether that is good enough."""

    text: str
    found: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same pictures, each at its own threshold."""

    a: Figures
    b: Figures
    differences: tuple[Difference, ...]
    rules: tuple[Rule, ...]

    @property
    def may_replace(self) -> bool:
        """Whether B may replace A."""
        return all(rule.holds for rule in self.rules)

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "a": self.a.as_json(),
            "b": self.b.as_json(),
            "may_replace": self.may_replace,
            "rules": [{"rule": r.text, "found": r.found, "holds": r.holds} for r in self.rules],
            "differences": [
                {"picture": d.picture, "class": d.defect_code, "box": d.box, "a": d.confidence_a, "b": d.confidence_b}
                for d in self.differences
            ],
        }


def compare_models(a: Inspected, b: Inspected) -> Comparison:
    """Compare two models that inspected the same data set."""
    names_a, names_b = a.dataset.classes, b.dataset.classes
    if names_a != names_b:
        raise DataError(
            f"The models know different classes: {', '.join(names_a)} and {', '.join(names_b)}.",
            "Only models of the same classes can replace each other.",
        )
    if not any(len(truth.classes) for truth in a.truths):
        raise DataError("There is no labelled defect to compare on.", "Name a data set with labelled defects.")
    figures_a, figures_b = measure(a.found, a.truths, names_a), measure(b.found, b.truths, names_a)
    differences = []
    lost = 0
    for index, truth in enumerate(a.truths):
        by_a = _confidences(a.found[index], truth, figures_a.threshold)
        by_b = _confidences(b.found[index], truth, figures_b.threshold)
        for at in np.flatnonzero((by_a > 0) != (by_b > 0)):
            lost += bool(by_a[at] >= figures_a.threshold + SURE)
            box = truth.boxes[at]
            differences.append(
                Difference(
                    a.dataset.samples[index].name,
                    names_a[truth.classes[at]],
                    (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
                    float(by_a[at]),
                    float(by_b[at]),
                )
            )
    return Comparison(figures_a, figures_b, tuple(differences), _rules(figures_a, figures_b, lost))


def _confidences(
    found: Detections, truth: Truth, threshold: float
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return for every defect the confidence with which it is found under its own name; 0 where it is not."""
    taken = found.take(found.scores >= threshold)
    result = np.zeros(len(truth.classes))
    for row, column in paired(taken, truth):
        if taken.classes[row] == truth.classes[column]:
            result[column] = taken.scores[row]
    return result


def _rules(a: Figures, b: Figures, lost: int) -> tuple[Rule, ...]:
    return (
        Rule(
            f"no defect is lost that A finds {SURE:.2f} above its threshold", f"{lost} of {a.defects} lost", lost == 0
        ),
        Rule(
            f"mAP at IoU 0.5 is at most {100 * MAP_TOLERANCE:.1f} points lower",
            f"{100 * a.map50:.2f} and {100 * b.map50:.2f}",
            b.map50 >= a.map50 - MAP_TOLERANCE,
        ),
        Rule("no more defects escape", f"{a.missed} and {b.missed} of {a.defects}", b.missed <= a.missed),
        Rule("no more false calls", f"{a.false_calls} and {b.false_calls}", b.false_calls <= a.false_calls),
        Rule(
            f"at least {CLEAN_LEAST:.0%} of the pictures are without a false call, or no fewer than with A",
            f"{a.clean:.1%} and {b.clean:.1%}",
            b.clean >= min(CLEAN_LEAST, a.clean),
        ),
    )
