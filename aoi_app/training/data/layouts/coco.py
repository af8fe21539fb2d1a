"""COCO's layout: one JSON file a split, or one for all, with images, annotations and categories.

The file lies in `annotations/`, beside the pictures, or in the folder of its split among them. Where an annotation has
an outline and no box, the box around it is taken; the outline of a crowd is left out, for it is no defect's.

Of our own are two more keys of an image, which others overlook: `board` and `golden_file_name`.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from aoi_app.training.corpus import DataError
from aoi_app.training.data.dataset import Annotation, Dataset, Fault, Sample, Samples
from aoi_app.training.data.layouts.reading import Findings, accept, box_of, inside, read_json, size_of, split_of
from aoi_app.training.data.layouts.writing import Stems, Step, empty_folder, put_picture, put_text

_PARTS = ("images", "annotations", "categories")


def detect(root: Path) -> bool:
    """Tell whether `root` looks like this layout."""
    return bool(_files(root))


def read(root: Path) -> Dataset:
    """Read a data set in this layout: a JSON file, or the folder that holds it (or holds `annotations/`).

    Raises
    ------
    DataError
        There is no such file, it is broken, or two of them differ in their classes.
    """
    files = _files(root)
    if not files:
        raise DataError(f"{root} holds no COCO file.", "Name the JSON file, or the folder that holds `annotations`.")
    findings = Findings()
    stems = Stems()
    samples: list[Sample] = []
    classes: tuple[str, ...] = ()
    for file in files:
        content = read_json(file)
        if not isinstance(content, dict) or not all(isinstance(content.get(p), list) for p in _PARTS):
            raise DataError(f"{file} has not the lists {', '.join(_PARTS)}.", "Export the data set as COCO detection.")
        names = _categories(content["categories"], file)
        if classes and tuple(names.values()) != classes:
            raise DataError(f"{file} has other classes than the files before it.", "Export all splits together.")
        classes = tuple(names.values())
        home = file.parent.parent if file.parent.name == "annotations" else file.parent
        samples += _samples(content, names, file, home, stems, findings)
    return Dataset(classes, tuple(samples), tuple(findings.problems))


def write(dataset: Samples, root: Path, step: Step) -> None:
    """Write a data set in this layout: `images/`, `golden/`, and `annotations/<split>.json`."""
    empty_folder(root)
    stems = Stems()
    number = {name: i + 1 for i, name in enumerate(dataset.classes)}
    categories = [{"id": i, "name": name} for name, i in number.items()]
    splits: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {}
    for sample in dataset.samples:
        images, annotations = splits.setdefault(sample.split, ([], []))
        stem = stems.of(sample.name)
        width, height = sample.size()
        image = put_picture(sample.image, root / "images", stem)
        row = {
            "id": len(images) + 1, "file_name": image.relative_to(root).as_posix(), "width": width,
            "height": height, "board": sample.board,
        }  # fmt: skip
        if sample.golden is not None:
            row["golden_file_name"] = put_picture(sample.golden, root / "golden", stem).relative_to(root).as_posix()
        images.append(row)
        for a in sample.labels:
            x1, y1, x2, y2 = a.box
            annotations.append(
                {"id": len(annotations) + 1, "image_id": row["id"], "category_id": number[a.defect_code],
                 "bbox": [x1, y1, x2 - x1, y2 - y1], "area": (x2 - x1) * (y2 - y1), "iscrowd": 0}
            )  # fmt: skip
        step()
    for split, (images, annotations) in splits.items():
        content = {"images": images, "annotations": annotations, "categories": categories}
        put_text(root / "annotations" / f"{split or 'instances'}.json", json.dumps(content, indent=1) + "\n")


def _files(root: Path) -> list[Path]:
    if root.is_file():
        return [root] if root.suffix.lower() == ".json" else []
    folder = root / "annotations"
    files = sorted((folder if folder.is_dir() else root).glob("*.json"))
    return files or sorted(p for p in root.glob("*/*.coco.json") if split_of(p.parent.name))


def _categories(rows: list[Any], file: Path) -> dict[int, str]:
    names: dict[int, str] = {}
    for row in rows:
        number, name = (row.get("id"), row.get("name")) if isinstance(row, dict) else (None, None)
        if not isinstance(number, int) or not isinstance(name, str) or number in names or name in names.values():
            raise DataError(f"{file}: the category {row!r:.80} has no id and name of its own.", "Export it again.")
        names[number] = name
    return names


def _samples(
    content: dict[str, Any], names: dict[int, str], file: Path, home: Path, stems: Stems, findings: Findings
) -> list[Sample]:
    # such as train, instances_val2017, valid/_annotations.coco
    split = split_of(file.stem.removeprefix("instances_").rstrip("0123456789")) or split_of(file.parent.name)
    labels = _annotations(content["annotations"], names, file, findings)
    samples = []
    known = set()
    for row in content["images"]:
        number, name = (row.get("id"), row.get("file_name")) if isinstance(row, dict) else (None, None)
        where = f"{file}: image {number}"
        if not isinstance(number, int):
            findings.add(Fault.UNREADABLE_LABEL, file, f"the image {row!r:.60} has no id")
            continue
        if number in known:
            findings.add(Fault.DUPLICATE, where, "another image of the file has this id")
            continue
        known.add(number)
        path = _file(home, name, where, findings)
        size = size_of(path, findings) if path else None
        if path is None or size is None:
            continue
        claimed = (row.get("width", size[0]), row.get("height", size[1]))
        if claimed != size:
            findings.add(
                Fault.SIZE_MISMATCH,
                where,
                f"it says {claimed[0]} x {claimed[1]} px, the file has {size[0]} x {size[1]}",
            )
            continue
        golden = _file(home, row["golden_file_name"], where, findings) if "golden_file_name" in row else None
        kept = [accept(a, size, tuple(names.values()), where, findings) for a in labels.get(number, ())]
        board = row.get("board")
        samples.append(
            Sample(
                stems.of(path.stem), path, tuple(a for a in kept if a),
                board if isinstance(board, str) and board else path.stem, golden, split,
            )
        )  # fmt: skip
    for number in sorted(set(labels) - known):
        findings.add(
            Fault.MISSING_FILE, file, f"{len(labels[number])} annotations belong to image {number}, which is not there"
        )
    return samples


def _file(home: Path, name: object, where: str, findings: Findings) -> Path | None:
    path = inside(home, name)
    if path is None:
        findings.add(Fault.UNSAFE_PATH, where, f"the file name {name!r:.80} leads out of {home}")
        return None
    images = inside(home / "images", name)
    for candidate in (path, images):
        with suppress(OSError):  # a name too long
            if candidate is not None and candidate.is_file():
                return candidate
    findings.add(Fault.MISSING_FILE, where, f"there is no file {name!r:.80} in {home}")
    return None


def _annotations(rows: list[Any], names: dict[int, str], file: Path, findings: Findings) -> dict[int, list[Annotation]]:
    labels: dict[int, list[Annotation]] = {}
    for at, row in enumerate(rows):
        where = f"{file}: annotation {at}"
        box = box_of(row.get("bbox") or _around(row.get("segmentation"))) if isinstance(row, dict) else None
        if box is None or not isinstance(row.get("image_id"), int):
            findings.add(Fault.UNREADABLE_LABEL, where, "it has no image_id, or no bbox of four numbers")
            continue
        if not isinstance(row.get("category_id"), int) or row["category_id"] not in names:
            findings.add(Fault.UNKNOWN_CLASS, where, f"there is no category {row.get('category_id')!r:.40}")
            continue
        if row.get("iscrowd") == 1:
            findings.add(Fault.UNREADABLE_LABEL, where, "it outlines a crowd, not one defect: left out", fatal=False)
            continue
        x, y, w, h = box
        label = Annotation(names[row["category_id"]], (x, y, x + w, y + h))
        labels.setdefault(row["image_id"], []).append(label)
    return labels


def _around(outline: Any) -> list[float] | None:
    """Return x, y, width and height of the box around the polygons of a segmentation; None for anything else."""
    if not isinstance(outline, list) or not outline or not all(isinstance(part, list) for part in outline):
        return None
    corners = [value for part in outline for value in part]
    if not all(isinstance(v, int | float) for v in corners) or any(len(part) < 6 or len(part) % 2 for part in outline):
        return None
    xs, ys = ([v for part in outline for v in part[at::2]] for at in (0, 1))
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
