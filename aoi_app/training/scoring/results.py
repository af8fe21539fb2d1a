"""What `aoi inspect --json` wrote, scored like any other evaluation: the figure of the whole path of a board."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aoi_app.core.detection import Detections
from aoi_app.training.corpus import DataError
from aoi_app.training.data.dataset import Dataset, Sample
from aoi_app.training.scoring.detecting import Inspected, truth_of

_REPEAT = "Write it with aoi inspect FOLDER --min-confidence 0.001 --json FILE."


def read_results(file: Path, dataset: Dataset) -> Inspected:
    """Return what an inspection of a data set's pictures found, beside what is really there.

    A board that could not be inspected found nothing.

    Parameters
    ----------
    file
        One JSON object a line; `board` is the stem of a picture's file.

    Raises
    ------
    DataError
        The file cannot be read, or a picture is not in it, or is in it twice.
    """
    boards: dict[str, Mapping[str, Any]] = {}
    for number, line in enumerate(_lines(file), 1):
        try:
            result = json.loads(line)
            name, defects = result["board"], result["defects"]
            codes = [str(defect["class"]) for defect in defects]
            values = [(*map(float, defect["box"]), float(defect["confidence"])) for defect in defects]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{file.name}, line {number}, is no inspected board: {error!r}.", _REPEAT) from error
        if name in boards:
            raise DataError(
                f"{file.name} holds the board {name!r} twice.", "Inspect pictures whose files have different names."
            )
        boards[name] = {**result, "codes": codes, "values": values}
    names = list(dataset.classes)
    names += sorted({code for board in boards.values() for code in board["codes"]} - set(names))
    results = [_of_sample(file, sample, boards) for sample in dataset.samples]
    engines = {f"{e['model']}, {e['runtime']} {e['precision']}" for r in results if (e := r.get("engine"))}
    times = [float(r.get("latency_ms", {}).get("inference", 0.0)) for r in results]
    return Inspected(
        Dataset(tuple(names), dataset.samples),
        tuple(_detections(r["codes"], r["values"], names) for r in results),
        tuple(truth_of(sample, tuple(names)) for sample in dataset.samples),
        "; ".join(sorted(engines)) or "no engine",
        float(np.median(times or [0.0])),
    )


def _lines(file: Path) -> list[str]:
    try:
        # not splitlines: JSON leaves line separators of other kinds as they are in a text
        return [line for line in file.read_text(encoding="utf-8-sig").split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read: {error}.", _REPEAT) from error


def _of_sample(file: Path, sample: Sample, boards: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    name = sample.image.stem if isinstance(sample.image, Path) else sample.name
    if name not in boards:
        raise DataError(f"{file.name} does not hold the board {name!r}.", "Inspect the whole data set: " + _REPEAT)
    return boards[name]


def _detections(codes: list[str], values: list[tuple[float, ...]], names: list[str]) -> Detections:
    table = np.array(values, np.float32).reshape(-1, 5)
    order = np.argsort(-table[:, 4], kind="stable")
    classes = np.array([names.index(code) for code in codes], np.int32)
    return Detections(table[order, :4], table[order, 4], classes[order])
