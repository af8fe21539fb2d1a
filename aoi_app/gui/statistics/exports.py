"""The report of a period as a file, in each of its forms. A table."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aoi_app.core.errors import StoreError
from aoi_app.gui.statistics.pdf import write_pdf
from aoi_app.storage.alarms import AlarmRow
from aoi_app.storage.figures import Figures
from aoi_app.storage.report import report_object, write_report_csv

Write = Callable[[Figures, Sequence[AlarmRow], Path], None]


@dataclass(frozen=True, slots=True)
class Export:
    """A form of the report: what it is called, the ending of its file, and how it is written."""

    name: str
    suffix: str
    write: Write


def _write_csv(figures: Figures, alarms: Sequence[AlarmRow], file: Path) -> None:
    with file.open("w", encoding="utf-8-sig", newline="") as target:
        write_report_csv(figures, alarms, target)


def _write_json(figures: Figures, alarms: Sequence[AlarmRow], file: Path) -> None:
    text = json.dumps(report_object(figures, alarms), indent=2, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")


EXPORTS = (Export("PDF", "pdf", write_pdf), Export("CSV", "csv", _write_csv), Export("JSON", "json", _write_json))


def write_report(export: Export, figures: Figures, alarms: Sequence[AlarmRow], file: Path) -> None:
    """Write a report. Raises StoreError that names the file."""
    try:
        export.write(figures, alarms, file)
    except OSError as error:
        raise StoreError(f"{file} could not be written: {error}.", "Choose another folder.") from error
