"""The record as CSV for spreadsheets and as JSON for programs, written while it is read."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from aoi_app.core.inspection import Defect, EngineInfo
from aoi_app.storage.clock import iso
from aoi_app.storage.faults import from_os
from aoi_app.storage.history import BoardRecord, BoardRow, DefectRow
from aoi_app.storage.spreadsheet import rows_into

BOARD_COLUMNS = (
    "board", "serial", "station", "verdict", "final_verdict", "reason", "recipe", "recipe_revision", "started", "ended",
    "defects", "open_defects", "verdict_ms",
)  # fmt: skip
DEFECT_COLUMNS = (
    "board", "serial", "ended", "recipe", "recipe_revision", "verdict", "number", "class", "confidence",
    "x1", "y1", "x2", "y2", "size_um", "region", "component", "severity", "counts",
    "verification", "reviewer", "verified", "review_s",
)  # fmt: skip


@contextlib.contextmanager
def opened(target: str) -> Iterator[TextIO]:
    """Open a file for an export, or standard output for `-`; a file appears only when it is complete.

    A pipe or a device is written to, never replaced.

    Raises
    ------
    StoreError
        The file cannot be written.
    """
    if target == "-":
        yield sys.stdout
        return
    path = Path(target)
    direct = path.exists() and not path.is_file()
    draft = path if direct else path.with_name(path.name + ".part")
    try:
        # The mark at its beginning is what tells spreadsheets that the text is UTF-8.
        encoding = "utf-8-sig" if path.suffix.lower() == ".csv" else "utf-8"
        with draft.open("w", encoding=encoding, newline="") as file:
            yield file
        if not direct:
            draft.replace(path)
    except OSError as error:
        raise from_os(error, path) from error
    finally:
        if not direct:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)


def write_boards_csv(rows: Iterable[BoardRow], target: TextIO) -> None:
    """Write one line a board."""
    write = rows_into(target)
    write(BOARD_COLUMNS)
    for row in rows:
        write(
            (row.board_id, row.serial, row.station, row.verdict.value, row.final_verdict.value, row.reason, row.recipe,
             row.recipe_revision, iso(row.started_us), iso(row.ended_us), row.defects, row.open_defects,
             "" if row.verdict_ms is None else f"{row.verdict_ms:.3f}")
        )  # fmt: skip


def write_defects_csv(records: Iterable[BoardRecord], target: TextIO) -> None:
    """Write one line a defect; boards without defects have none."""
    write = rows_into(target)
    write(DEFECT_COLUMNS)
    for record in records:
        row = record.row
        for found in record.defects:
            d = found.defect
            write(
                (row.board_id, row.serial, iso(row.ended_us), row.recipe, row.recipe_revision, row.verdict.value,
                 found.number, d.defect_code, f"{d.confidence:.5f}", *(f"{v:.2f}" for v in d.box),
                 "" if d.size_um is None else f"{d.size_um:.2f}", d.region, d.component, d.severity, int(d.counts),
                 found.verification.value, found.reviewer,
                 "" if found.verified_us is None else iso(found.verified_us), f"{found.review_s:.3f}")
            )  # fmt: skip


def write_json(
    records: Iterable[BoardRecord], target: TextIO, golden_of: Callable[[BoardRow], Path | None] = lambda row: None
) -> None:
    """Write one JSON object a line and board.

    Parameters
    ----------
    golden_of
        Finds the golden board of a row: with it and `registration` a training sees what the station saw.
    """
    for record in records:
        target.write(json.dumps(record_object(record, golden_of(record.row)), ensure_ascii=False) + "\n")


def record_object(record: BoardRecord, golden: Path | None = None) -> dict[str, Any]:
    """Return everything that is known of a board as JSON values, in the words of `aoi inspect`; times in UTC."""
    row, inspection = record.row, record.inspection
    return {
        "board": row.board_id,
        "serial": row.serial,
        "station": row.station,
        "verdict": row.verdict.value,
        "final_verdict": row.final_verdict.value,
        "reason": row.reason,
        "started": iso(row.started_us),
        "ended": iso(row.ended_us),
        "recipe": {"name": row.recipe, "revision": row.recipe_revision},
        "lines": inspection.completeness.lines,
        "missing_lines": inspection.completeness.missing_lines,
        "incomplete_because": list(inspection.completeness.reasons),
        "width": inspection.width,
        "pixel_format": record.pixel_format.value,
        "input_hash": inspection.input_hash,
        "latency_ms": dict(inspection.latency_ms),
        "engine": _engine(inspection.engine),
        "preview": _text(row.preview),
        "image": _text(record.board_image),
        "golden": _text(golden),
        "registration": None if inspection.registration is None else list(inspection.registration),
        "defects": [_defect(d) for d in record.defects],
    }


def _defect(row: DefectRow) -> dict[str, Any]:
    d: Defect = row.defect
    return {
        "class": d.defect_code,
        "confidence": d.confidence,
        "box": list(d.box),
        "size_um": d.size_um,
        "region": d.region,
        "component": d.component,
        "severity": d.severity,
        "counts": d.counts,
        "verification": row.verification.value,
        "reviewer": row.reviewer,
        "verified": None if row.verified_us is None else iso(row.verified_us),
        "review_s": row.review_s,
        "crop": _text(row.crop),
        "crop_box": row.crop_box,
    }


def _engine(engine: EngineInfo | None) -> dict[str, Any] | None:
    names = ("runtime", "precision", "model", "sha256", "device", "detail")
    return None if engine is None else {name: getattr(engine, name) for name in names}


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
