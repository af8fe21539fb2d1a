"""DeepPCB's layout: `<stem>_test`, `<stem>_temp` and `<stem>.txt` in one folder a board.

Label lines are `x1,y1,x2,y2,class` or, as first published, `x1 y1 x2 y2 number` with the labels in a folder beside
the pictures' whose name ends in `_not`. See https://github.com/tangsanli5201/DeepPCB.
"""

from __future__ import annotations

from pathlib import Path

from aoi_app.boards import BARE_CODES
from aoi_app.training.corpus import DataError
from aoi_app.training.data.dataset import Annotation, Dataset, Fault, Sample, Samples
from aoi_app.training.data.layouts.reading import Findings, accept, numbers, read_text, safe_name, size_of, split_of
from aoi_app.training.data.layouts.writing import Stems, Step, empty_folder, put_picture, put_text
from aoi_app.training.data.pictures import SUFFIXES, find_picture

_SCAN, _GOLDEN = "_test", "_temp"


def detect(root: Path) -> bool:
    """Tell whether `root` looks like this layout."""
    return root.is_dir() and any(p.suffix.lower() in SUFFIXES for p in root.rglob(f"*{_SCAN}.*"))


def read(root: Path) -> Dataset:
    """Read a data set in this layout. Raises DataError where there are no pictures."""
    scans = sorted(p for p in root.rglob(f"*{_SCAN}.*") if p.suffix.lower() in SUFFIXES)
    if not scans:
        raise DataError(
            f"{root} holds no picture whose name ends in {_SCAN}.", "Name the folder that holds the boards."
        )
    findings = Findings()
    labels: dict[Path, list[Annotation]] = {}
    for scan in scans:
        found = _labels(scan, findings)
        if found is not None:
            labels[scan] = found
    # other classes than DeepPCB's own come last, by name
    named = {a.defect_code for found in labels.values() for a in found}
    classes = BARE_CODES if named <= set(BARE_CODES) else (*BARE_CODES, *sorted(named - set(BARE_CODES)))
    stems = Stems()
    samples = []
    for scan, found in labels.items():
        size = size_of(scan, findings)
        if size is None:
            continue
        kept = [accept(a, size, classes, str(_label_file(scan)), findings) for a in found]
        parts = scan.relative_to(root).parts[:-1]
        split = split_of(parts[0]) if parts else ""
        board = next((p for p in parts if not split_of(p)), root.name)
        golden = find_picture(scan.parent, _stem(scan) + _GOLDEN)
        if golden is None:
            findings.add(Fault.MISSING_FILE, scan, "there is no golden picture beside it", fatal=False)
        samples.append(Sample(stems.of(_stem(scan)), scan, tuple(a for a in kept if a), board, golden, split))
    return Dataset(classes, tuple(samples), tuple(findings.problems))


def write(dataset: Samples, root: Path, step: Step) -> None:
    """Write a data set in this layout, one folder a board, in one folder a split where it has splits."""
    # a number stands for one of DeepPCB's own classes
    unfit = [name for name in dataset.classes if name.isdecimal() or any(c.isspace() or c == "," for c in name)]
    if unfit:
        raise DataError(f"The class {unfit[0]!r} cannot be written in this layout.", "Choose another layout.")
    empty_folder(root)
    stems = Stems()
    for sample in dataset.samples:
        stem = stems.of(sample.name)
        board = safe_name(sample.board)
        folder = root / sample.split / (f"{board}_" if split_of(board) else board)
        put_picture(sample.image, folder, stem + _SCAN)
        if sample.golden is not None:
            put_picture(sample.golden, folder, stem + _GOLDEN)
        lines = [f"{','.join(str(round(v)) for v in a.box)},{a.defect_code}\n" for a in sample.labels]
        put_text(folder / f"{stem}.txt", "".join(lines))
        step()


def _stem(scan: Path) -> str:
    return scan.stem.removesuffix(_SCAN)


def _label_file(scan: Path) -> Path:
    beside = scan.with_name(f"{_stem(scan)}.txt")
    apart = scan.parent.with_name(scan.parent.name + "_not") / beside.name
    return apart if apart.is_file() and not beside.is_file() else beside


def _labels(scan: Path, findings: Findings) -> list[Annotation] | None:
    """Return a picture's labels as they stand in its file; None where the file is missing or no text."""
    path = _label_file(scan)
    if not path.is_file():
        findings.add(Fault.MISSING_FILE, scan, f"there is no label file {path.name}; a good board has an empty one")
        return None
    try:
        lines = read_text(path).splitlines()
    except DataError as error:
        findings.add(Fault.UNREADABLE_LABEL, path, error.what)
        return None
    labels = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        fields = line.replace(",", " ").split()
        box = numbers(fields[:4])
        if len(fields) != 5 or box is None:
            findings.add(Fault.UNREADABLE_LABEL, f"{path}:{number}", f"{line.strip()[:60]!r} is not x1,y1,x2,y2,class")
            continue
        code = fields[4]
        if code.isdecimal():
            code = BARE_CODES[int(code) - 1] if 1 <= int(code) <= len(BARE_CODES) else code
        if code.isdecimal():
            findings.add(
                Fault.UNKNOWN_CLASS, f"{path}:{number}", f"the class number {code} is not 1 to {len(BARE_CODES)}"
            )
            continue
        labels.append(Annotation(code, (box[0], box[1], box[2], box[3])))
    return labels
