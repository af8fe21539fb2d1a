"""YOLO's layout: `images/` and `labels/` side by side, in all or in each split, and a `data.yaml` with class names.

Label lines are `class x y width height`, the centre and the size as shares of the image, or a class and the corners of
an outline, of which the box around it is taken. What the layout has no words for stands in folders and files of our
own, which others overlook: `golden/` like `images/`, and `boards.csv`, which says what board each image was cut from.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from aoi_app.training.corpus import DataError
from aoi_app.training.data.dataset import Annotation, Dataset, Fault, Sample, Samples
from aoi_app.training.data.layouts.plain_yaml import Value, parse, quoted
from aoi_app.training.data.layouts.reading import Findings, accept, inside, numbers, read_text, size_of, split_of
from aoi_app.training.data.layouts.writing import Stems, Step, empty_folder, put_picture, put_text
from aoi_app.training.data.pictures import SUFFIXES, find_picture

_DESCRIPTIONS = ("data.yaml", "data.yml", "dataset.yaml")
_BOARDS = "boards.csv"
_COLUMNS = ("image", "board")


def detect(root: Path) -> bool:
    """Tell whether `root` looks like this layout."""
    return root.is_dir() and bool(_homes(root)) and _description(root) is not None


def read(root: Path) -> Dataset:
    """Read a data set in this layout. Raises DataError where its description is missing or cannot be understood."""
    description = _description(root)
    if description is None:
        raise DataError(f"{root} has no data.yaml.", "Write one with `names:` and the class names.")
    content = parse(read_text(description), description)
    classes = _names(content.get("names"), description)
    findings = Findings()
    boards = _boards(root, findings)
    stems = Stems()
    samples = []
    for home, image in _images(root):
        within = image.relative_to(home / "images")
        size = size_of(image, findings)
        if size is None:
            continue
        labels = _labels(home / "labels" / within.with_suffix(".txt"), image, size, classes, findings)
        if labels is None:
            continue
        split = split_of(home.name) if home != root else split_of(within.parts[0]) if len(within.parts) > 1 else ""
        folders = [p for p in within.parts[:-1] if not split_of(p)]
        board = boards.get(within.as_posix()) or (folders[-1] if folders else within.stem)
        golden = find_picture(home / "golden" / within.parent, image.stem)
        samples.append(Sample(stems.of(image.stem), image, labels, board, golden, split))
    if not samples and not findings.problems:
        raise DataError(f"{root / 'images'} holds no pictures.", "Name the folder that holds `images` and `labels`.")
    return Dataset(classes, tuple(samples), tuple(findings.problems))


def write(dataset: Samples, root: Path, step: Step) -> None:
    """Write a data set in this layout."""
    empty_folder(root)
    stems = Stems()
    table = io.StringIO()
    # all in quotes: before Python 3.13 a carriage return alone is not put into any
    rows = csv.writer(table, lineterminator="\n", quoting=csv.QUOTE_ALL)
    rows.writerow(_COLUMNS)
    splits = set()
    for sample in dataset.samples:
        stem, split = stems.of(sample.name), sample.split or "train"
        splits.add(split)
        image = put_picture(sample.image, root / "images" / split, stem)
        if sample.golden is not None:
            put_picture(sample.golden, root / "golden" / split, stem)
        width, height = sample.size()
        lines = []
        for a in sample.labels:
            x1, y1, x2, y2 = a.box
            shares = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
            lines.append(f"{dataset.classes.index(a.defect_code)} {' '.join(f'{v:.8f}' for v in shares)}\n")
        put_text(root / "labels" / split / f"{stem}.txt", "".join(lines))
        rows.writerow((image.relative_to(root / "images").as_posix(), sample.board))
        step()
    homes = "".join(f"{s}: images/{s}\n" for s in sorted(splits))
    names = "".join(f"  {i}: {quoted(name)}\n" for i, name in enumerate(dataset.classes))
    put_text(root / "data.yaml", f"{homes}nc: {len(dataset.classes)}\nnames:\n{names}")
    put_text(root / _BOARDS, table.getvalue())


def _description(root: Path) -> Path | None:
    return next((root / n for n in _DESCRIPTIONS if (root / n).is_file()), None)


def _homes(root: Path) -> list[Path]:
    """Return the folders that hold `images`: the data set's own, or those of its splits."""
    homes = [root] if (root / "images").is_dir() else sorted(p for p in root.iterdir() if split_of(p.name))
    return [home for home in homes if (home / "images").is_dir()]


def _images(root: Path) -> list[tuple[Path, Path]]:
    """Return each picture with the folder that holds its `images`."""
    found = [(home, path) for home in _homes(root) for path in (home / "images").rglob("*")]
    return sorted((home, path) for home, path in found if path.suffix.lower() in SUFFIXES and path.is_file())


def _names(value: Value | None, origin: Path) -> tuple[str, ...]:
    if isinstance(value, dict):
        wanted = [str(i) for i in range(len(value))]
        value = [value[i] for i in wanted] if sorted(value) == sorted(wanted) else None
    if not isinstance(value, list) or not value or len(set(value)) != len(value):
        raise DataError(
            f"{origin} has no list of class names under `names`, or a name twice.",
            "List each class once, in the order of the numbers in the labels.",
        )
    return tuple(value)


def _boards(root: Path, findings: Findings) -> dict[str, str]:
    path = root / _BOARDS
    if not path.is_file():
        return {}
    try:
        rows = list(csv.reader(io.StringIO(read_text(path), newline="")))
    except (DataError, csv.Error) as error:
        findings.add(Fault.UNREADABLE_LABEL, path, error.what if isinstance(error, DataError) else f"{error}")
        return {}
    if not rows or tuple(cell.strip() for cell in rows[0]) != _COLUMNS:
        begins = ",".join(rows[0])[:60] if rows else ""
        findings.add(Fault.UNREADABLE_LABEL, path, f"it begins with {begins!r}, not with {','.join(_COLUMNS)}")
        return {}
    boards: dict[str, str] = {}
    for row in filter(None, rows[1:]):
        image, board = row if len(row) == len(_COLUMNS) else ("", "")
        if not image or not board or inside(root / "images", image) is None:
            findings.add(
                Fault.UNREADABLE_LABEL, path, f"the row {','.join(row)[:80]!r} does not name an image and its board"
            )
            continue
        if boards.setdefault(image, board) != board:
            findings.add(Fault.UNREADABLE_LABEL, path, f"{image} is of two boards: {boards[image]!r} and {board!r}")
    return boards


def _around(corners: tuple[float, ...]) -> tuple[float, float, float, float]:
    """Return centre and size of the box around an outline."""
    xs, ys = corners[::2], corners[1::2]
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2, max(xs) - min(xs), max(ys) - min(ys)


def _labels(
    path: Path, image: Path, size: tuple[int, int], classes: tuple[str, ...], findings: Findings
) -> tuple[Annotation, ...] | None:
    """Return an image's sound labels; none where it has no file (YOLO's word for a good board); None for no text."""
    if not path.is_file():
        return ()
    try:
        lines = read_text(path).splitlines()
    except DataError as error:
        findings.add(Fault.UNREADABLE_LABEL, path, error.what)
        return None
    labels = []
    width, height = size
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields:
            continue
        where = f"{path}:{number}"
        values = numbers(fields)
        if values is not None and len(values) > 6 and len(values) % 2:
            values = (values[0], *_around(values[1:]))
        if values is None or len(values) != 5:
            findings.add(Fault.UNREADABLE_LABEL, where, f"{line.strip()[:60]!r} is not `class x y width height`")
            continue
        index, x, y, w, h = values
        if not index.is_integer() or not 0 <= index < len(classes):
            findings.add(Fault.UNKNOWN_CLASS, where, f"the class number {fields[0]} is not 0 to {len(classes) - 1}")
            continue
        box = ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
        label = accept(Annotation(classes[int(index)], box), size, classes, where, findings)
        if label is not None:
            labels.append(label)
    return tuple(labels)
