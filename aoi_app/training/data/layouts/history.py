"""The station's own history: the JSON lines that `aoi history` exports, one board a line.

Each line has `board`, `image` (file of the whole board, or null), and `defects`: a list of `class`, `box`,
`verification`, and where a crop was kept `crop` and `crop_box` (its place on the board). `golden` (a file of the whole
golden board) is read where it is there; `registration`, six numbers, lays it onto the scan. File names are relative to
the export, or absolute: the archive lies where the station keeps it.

What a reviewer confirmed is a label; a rejected call is none, and its picture is worth its weight as an example of
what is no defect. A picture on which any defect still awaits its reviewer is left out.
"""

from __future__ import annotations

import json
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from aoi_app.core.inspection import Verification
from aoi_app.inference.card import InputSpec
from aoi_app.training.corpus import DataError
from aoi_app.training.data.dataset import Annotation, Dataset, Fault, Picture, Sample, Samples, Source
from aoi_app.training.data.layouts.reading import Findings, accept, box_of, read_text, size_of
from aoi_app.training.data.layouts.writing import Stems, Step, empty_folder, put_picture, put_text
from aoi_app.training.data.pictures import read_picture

FILE = "history.jsonl"

_NO_LABEL = {Verification.DEFECT_REJECTED.value}
_OPEN = {Verification.NOT_VERIFIED_YET.value}
_MISSING = InputSpec().golden_missing
_KNOWN = {v.value for v in Verification}


def detect(root: Path) -> bool:
    """Tell whether `root` looks like this layout."""
    return _file(root) is not None


def read(root: Path) -> Dataset:
    """Read an export: the file, or the folder that holds `history.jsonl`. Raises DataError where there is none."""
    file = _file(root)
    if file is None:
        raise DataError(f"{root} is no history export.", f"Name a .jsonl file, or a folder with {FILE}.")
    findings = Findings()
    rows = []
    for number, line in enumerate(read_text(file).split("\n"), 1):
        row = _row(line, f"{file}:{number}", findings) if line.strip() else None
        if row is not None:
            rows.append((f"{file}:{number}", row))
    classes = tuple(sorted({d["class"] for _, row in rows for d in row["defects"]}))
    stems = Stems()
    goldens: dict[str, tuple[int, int] | None] = {}
    samples: list[Sample] = []
    for where, row in rows:
        samples += _samples(row, file.parent, classes, where, stems, goldens, findings)
    return Dataset(classes, tuple(samples), tuple(findings.problems))


def write(dataset: Samples, root: Path, step: Step) -> None:
    """Write a data set as an export: `history.jsonl`, and the pictures beside it. Splits are not kept."""
    empty_folder(root)
    stems = Stems()
    lines = []
    for sample in dataset.samples:
        stem = stems.of(sample.name)
        row: dict[str, Any] = {
            "board": sample.board,
            "image": put_picture(sample.image, root / "images", stem).relative_to(root).as_posix(),
            "defects": [
                {"class": a.defect_code, "box": list(a.box), "verification": Verification.DEFECT_CONFIRMED.value}
                for a in sample.labels
            ],
        }
        if sample.golden is not None:
            row["golden"] = put_picture(sample.golden, root / "golden", stem).relative_to(root).as_posix()
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
        step()
    put_text(root / FILE, "".join(lines))


def _file(root: Path) -> Path | None:
    if root.is_file():
        return root if root.suffix.lower() == ".jsonl" else None
    return root / FILE if (root / FILE).is_file() else None


def _row(line: str, where: str, findings: Findings) -> dict[str, Any] | None:
    """Return a line's object once it has the shape that is expected; None, with a finding, where it has not."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        findings.add(Fault.UNREADABLE_LABEL, where, f"it is no JSON: {error}")
        return None
    if not isinstance(row, dict) or not isinstance(row.get("board"), str) or not isinstance(row.get("defects"), list):
        findings.add(Fault.UNREADABLE_LABEL, where, "it has no `board`, or no list of `defects`")
        return None
    for defect in row["defects"]:
        sound = isinstance(defect, dict) and isinstance(defect.get("class"), str) and box_of(defect.get("box"))
        if not sound or str(defect.get("verification")) not in _KNOWN:
            findings.add(
                Fault.UNREADABLE_LABEL, where, "a defect has no `class`, `box` of four numbers or `verification`"
            )
            return None
    return row


def _samples(
    row: dict[str, Any],
    home: Path,
    classes: tuple[str, ...],
    where: str,
    stems: Stems,
    goldens: dict[str, tuple[int, int] | None],
    findings: Findings,
) -> list[Sample]:
    """Return the whole board where its picture was kept, else the crops of its defects."""
    board = row["board"]
    pictures: list[tuple[str, str, tuple[float, float, float, float] | None]] = []
    if isinstance(row.get("image"), str):
        pictures.append((board, row["image"], None))
    else:
        pictures += [
            (f"{board}-{number}", d["crop"], box_of(d.get("crop_box")))
            for number, d in enumerate(row["defects"], 1)
            if isinstance(d.get("crop"), str)
        ]
    samples = []
    for name, file, area in pictures:
        path = home / file
        size = size_of(path, findings)
        if size is None:
            continue
        if area is not None and (round(area[2] - area[0]), round(area[3] - area[1])) != size:
            findings.add(Fault.SIZE_MISMATCH, where, f"{file} is {size[0]} x {size[1]} px, its crop_box another size")
            continue
        seen = area or (0.0, 0.0, float(size[0]), float(size[1]))
        within = [d for d in row["defects"] if _touches(d["box"], seen)]
        if any(d["verification"] in _OPEN for d in within):
            findings.add(Fault.NOT_VERIFIED, where, f"{file} shows a defect that nobody verified", fatal=False)
            continue
        # another defect's box may reach out of this crop: what is seen of it is labelled
        boxes = [(d["class"], _cut(d["box"], seen)) for d in within if d["verification"] not in _NO_LABEL]
        kept = [accept(Annotation(code, box), size, classes, where, findings) for code, box in boxes]
        golden = _golden(row, home, size, area, goldens, findings)
        samples.append(Sample(stems.of(name), path, tuple(a for a in kept if a), board, golden))
    return samples


def _golden(
    row: dict[str, Any],
    home: Path,
    size: tuple[int, int],
    area: tuple[float, float, float, float] | None,
    goldens: dict[str, tuple[int, int] | None],
    findings: Findings,
) -> Source | None:
    """Return the golden board as it lies under a picture; None where the row names none that can be read."""
    name, numbers = row.get("golden"), row.get("registration")
    if not isinstance(name, str):
        return None
    if name not in goldens:  # one file for many boards
        goldens[name] = size_of(home / name, findings)
    if goldens[name] is None:
        return None
    if numbers is None and area is None and goldens[name] == size:
        return home / name
    matrix = _matrix(numbers)
    if matrix is None:
        findings.add(Fault.UNREADABLE_LABEL, home / name, f"the registration {numbers!r:.80} is not six numbers")
        return None
    matrix[:, 2] -= (area or (0.0, 0.0))[:2]
    return partial(_laid, home / name, matrix, size)


def _matrix(numbers: Any) -> NDArray[np.float64] | None:
    """Return golden (x, y, 1) -> scan (x, y); as it lies where nothing was registered; None for anything odd."""
    if numbers is None:
        return np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    if not isinstance(numbers, list) or len(numbers) != 6:
        return None
    first, second = (box_of([*numbers[at : at + 3], 0]) for at in (0, 3))
    return None if first is None or second is None else np.array([first[:3], second[:3]])


@lru_cache(maxsize=2)
def _board(path: Path) -> Picture:
    return read_picture(path)


def _laid(path: Path, matrix: NDArray[np.float64], size: tuple[int, int]) -> Picture:
    """Return (size) of a golden board in the geometry of a scan; what it lacks is as without a golden image."""
    fill = (_MISSING,) * 3
    laid = cv2.warpAffine(_board(path), matrix, size, flags=cv2.INTER_LINEAR, borderValue=fill)
    return np.asarray(laid, np.uint8)


def _touches(box: list[float], area: tuple[float, float, float, float]) -> bool:
    return box[0] < area[2] and area[0] < box[2] and box[1] < area[3] and area[1] < box[3]


def _cut(box: list[float], area: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Return a box of the board in pixels of the picture of `area`."""
    x, y = area[0], area[1]
    return (
        max(box[0], area[0]) - x,
        max(box[1], area[1]) - y,
        min(box[2], area[2]) - x,
        min(box[3], area[3]) - y,
    )
