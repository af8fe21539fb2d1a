"""The report of an evaluation: one HTML file with tables, curves and pictures of every mistake."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from aoi_app.inference.metrics import Truth
from aoi_app.inference.nudge import find_nudge, moved
from aoi_app.training.curves import drawn_curves
from aoi_app.training.files import write_text
from aoi_app.training.scoring.curves import panels
from aoi_app.training.scoring.detecting import Inspected
from aoi_app.training.scoring.figures import Figures, Mistake, confusion, measure, mistakes

_CROP = 120  # side of the picture of a mistake, pixels of the board
_GAP = 6  # between board and golden image
_STYLE = (
    "body{font:14px/1.45 sans-serif;margin:2em;max-width:70em;color:#22272b}"
    "table{border-collapse:collapse;margin:1em 0}"
    "td,th{border:1px solid #d8dce0;padding:.25em .6em;text-align:right}th,td:first-child{text-align:left}"
    "figure{display:inline-block;margin:.4em;text-align:center;font-size:12px}"
    "img{image-rendering:pixelated;border:1px solid #d8dce0}"
)


def write_report(
    path: Path, title: str, inspected: Inspected, seen: Sequence[str] = (), most: int = 60
) -> dict[str, Figures]:
    """Write the report and return its figures by group of pictures.

    Parameters
    ----------
    seen
        Boards that the model was trained on: seen and unseen boards are reported apart.
    most
        Greatest number of pictures of mistakes.
    """
    groups = grouped(inspected, seen)
    whole = groups["all pictures"]
    wrong = mistakes(inspected.found, inspected.truths, whole.threshold)
    names = inspected.dataset.classes
    parts = [
        f"<h1>{escape(title)}</h1><p>{escape(inspected.engine)}, {inspected.milliseconds:.1f} ms a picture (median). "
        f"Confidence threshold {whole.threshold:.2f}, where F at IoU 0.33 is best.</p>",
        _group_table(groups),
        f"<p>{whole.missed} of {whole.defects} defects escape; with 95 % confidence no more than "
        f"{100 * whole.escape_bound:.2f} %. {whole.false_calls} false calls in {whole.pictures} pictures.</p>",
        "<h2>Classes</h2>" + _class_table(whole),
        "<h2>Curves</h2>" + drawn_curves(panels(inspected.found, inspected.truths, names)),
        "<h2>Confusion</h2>" + _confusion_table(inspected, whole.threshold),
        f"<h2>Mistakes ({len(wrong)})</h2>",
        "<p>Left the board, right its golden image as the model saw it. Red is the mistake; green are the labels.</p>",
        *(_picture(inspected, mistake, names) for mistake in wrong[:most]),
        f"<p>and {len(wrong) - most} more</p>" if len(wrong) > most else "",
    ]
    write_text(
        path,
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style>{''.join(parts)}</html>\n",
    )
    return groups


def grouped(inspected: Inspected, seen: Sequence[str] = ()) -> dict[str, Figures]:
    """Return the figures of all pictures, of boards seen and unseen in training, and of each board.

    All groups use the threshold of the whole: a line has only one.
    """
    samples = inspected.dataset.samples
    names = inspected.dataset.classes
    whole = measure(inspected.found, inspected.truths, names)
    members: dict[str, list[int]] = {}
    for index, sample in enumerate(samples):
        if seen:
            members.setdefault("boards seen in training" if sample.board in seen else "unseen boards", []).append(index)
    for index, sample in enumerate(samples):
        members.setdefault(f"board {sample.board}", []).append(index)
    groups = {"all pictures": whole}
    for name, where in members.items():
        found, truths = [inspected.found[i] for i in where], [inspected.truths[i] for i in where]
        groups[name] = measure(found, truths, names, whole.threshold)
    return groups


def _group_table(groups: dict[str, Figures]) -> str:
    head = [
        "pictures",
        "defects",
        "mAP@0.33",
        "mAP@0.5",
        "mAP@0.5:0.95",
        "best F",
        "escapes",
        "bound 95 %",
        "false calls",
    ]
    rows = [
        (
            name, str(f.pictures), str(f.defects), _percent(f.map33), _percent(f.map50), _percent(f.map_coco),
            _percent(f.f), str(f.missed), _percent(f.escape_bound), str(f.false_calls),
        )
        for name, f in groups.items()
    ]  # fmt: skip
    return _table(["", *head], rows)


def _class_table(figures: Figures) -> str:
    rows = [(name, "-" if ap is None else _percent(ap)) for name, ap in figures.per_class.items()]
    return _table(["class", "AP@0.33"], rows)


def _confusion_table(inspected: Inspected, threshold: float) -> str:
    names = [*inspected.dataset.classes, "none"]
    counts = confusion(inspected.found, inspected.truths, len(inspected.dataset.classes), threshold)
    rows = [(name, *(str(v) if v else "" for v in row)) for name, row in zip(names, counts, strict=True)]
    return _table(["true \\ found", *names], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = "".join(f"<th>{escape(h)}</th>" for h in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{cells}</tr>{body}</table>"


def _percent(value: float) -> str:
    return "-" if np.isnan(value) else f"{100 * value:.2f}"


def _picture(inspected: Inspected, mistake: Mistake, names: Sequence[str]) -> str:
    sample = inspected.dataset.samples[mistake.picture]
    scan, golden = sample.pixels(), sample.golden_pixels()
    views = [_crop(scan, mistake, inspected.truths[mistake.picture])]
    if golden is not None:
        laid = moved(golden, *find_nudge(golden, scan))
        views += [np.full((_CROP, _GAP, 3), 255, np.uint8), _crop(laid, mistake, None)]
    image = base64.b64encode(cv2.imencode(".png", np.hstack(views))[1].tobytes()).decode("ascii")
    return (
        f'<figure><img alt="" src="data:image/png;base64,{image}"><figcaption>{escape(sample.name)}<br>'
        f"{escape(_in_words(mistake, names))}</figcaption></figure>"
    )


def _in_words(mistake: Mistake, names: Sequence[str]) -> str:
    if mistake.found_class < 0:
        return f"missed: {names[mistake.true_class]}"
    called = f"{names[mistake.found_class]} ({mistake.confidence:.2f})"
    return f"false call: {called}" if mistake.true_class < 0 else f"{names[mistake.true_class]} called {called}"


def _crop(picture: NDArray[np.uint8], mistake: Mistake, truth: Truth | None) -> NDArray[np.uint8]:
    """Return a square around the mistake, its box red, the labelled defects green."""
    lines, width = picture.shape[:2]
    x, y = (mistake.box[0] + mistake.box[2]) / 2, (mistake.box[1] + mistake.box[3]) / 2
    left = int(np.clip(x - _CROP / 2, 0, max(0, width - _CROP)))
    top = int(np.clip(y - _CROP / 2, 0, max(0, lines - _CROP)))
    view = picture[top : top + _CROP, left : left + _CROP]
    colour = cv2.cvtColor(view, cv2.COLOR_GRAY2BGR if view.ndim == 2 else cv2.COLOR_RGB2BGR)
    filled = np.zeros((_CROP, _CROP, 3), np.uint8)
    filled[: colour.shape[0], : colour.shape[1]] = colour
    if truth is not None:
        for box in truth.boxes:
            _frame(filled, box, left, top, (60, 160, 60))
        _frame(filled, np.array(mistake.box, np.float32), left, top, (40, 40, 220))
    return filled


def _frame(
    view: NDArray[np.uint8], box: NDArray[np.float32], left: int, top: int, colour: tuple[int, int, int]
) -> None:
    x1, y1, x2, y2 = (round(float(v)) for v in box - np.array([left, top, left, top], np.float32))
    cv2.rectangle(view, (x1, y1), (x2, y2), colour, 1)
