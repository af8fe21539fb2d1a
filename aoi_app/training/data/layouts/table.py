"""The layouts that are known; another one is one more file and one more row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from aoi_app.training.corpus import DataError
from aoi_app.training.data.dataset import Dataset, Samples
from aoi_app.training.data.layouts import coco, deeppcb, history, yolo
from aoi_app.training.data.layouts.writing import Step


@dataclass(frozen=True, slots=True)
class Layout:
    """How a data set lies on disk.

    Attributes
    ----------
    help
        What it is, for people.
    detect
        Tells whether a path looks like it.
    read
        Path to data set, with the problems that were met; raises DataError where nothing can be read.
    write
        Data set to an empty or new folder; asks for each sample once, calls its last argument after it.
    """

    help: str
    detect: Callable[[Path], bool]
    read: Callable[[Path], Dataset]
    write: Callable[[Samples, Path, Step], None]


LAYOUTS: dict[str, Layout] = {
    "history": Layout("the station's own history export", history.detect, history.read, history.write),
    "yolo": Layout("images/, labels/ and data.yaml", yolo.detect, yolo.read, yolo.write),
    "coco": Layout("COCO detection JSON", coco.detect, coco.read, coco.write),
    "deeppcb": Layout("<stem>_test, <stem>_temp and <stem>.txt", deeppcb.detect, deeppcb.read, deeppcb.write),
}
"""Every layout by its name, in the order in which they are tried."""


def layout_of(root: Path, name: str = "") -> Layout:
    """Return the layout called `name`, or the one that `root` looks like.

    Raises
    ------
    DataError
        `root` does not exist, or looks like no layout.
    """
    if not root.exists():
        raise DataError(f"{root} does not exist.", "Name a folder with a data set, or its COCO or history file.")
    if name:
        if name not in LAYOUTS:
            raise DataError(f"There is no layout {name!r}.", f"There are {', '.join(LAYOUTS)}.")
        return LAYOUTS[name]
    for layout in LAYOUTS.values():
        if layout.detect(root):
            return layout
    known = "; ".join(f"{n}: {layout.help}" for n, layout in LAYOUTS.items())
    raise DataError(f"{root} looks like no data set.", f"Known layouts are {known}.")


def read_dataset(root: Path, layout: str = "") -> Dataset:
    """Read a data set of any layout; see `Dataset.problems`, or call `Dataset.require_sound`. Raises DataError."""
    return layout_of(root, layout).read(root)
