"""Between an inspection and its rows. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

from sqlalchemy import RowMapping

from aoi_app.core.inspection import Defect, EngineInfo, Inspection, Verdict, Verification
from aoi_app.core.scan import Completeness, ScanEnd
from aoi_app.storage.archive import Kept

Row = dict[str, Any]


def plain_text(value: str) -> str:
    """Return a text that every database takes: PostgreSQL no NUL, none a lone surrogate, as a file's name may hold."""
    return value.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _facts(engine: EngineInfo) -> Row:
    """Return what is recorded of an engine: what it is, not in whose place."""
    return {name: value for name, value in asdict(engine).items() if name != "stand_in"}


def fingerprint(engine: EngineInfo) -> str:
    """Return the hash of all engine facts: equal facts share a row."""
    return hashlib.sha256(json.dumps(_facts(engine), sort_keys=True).encode()).hexdigest()


def engine_row(engine: EngineInfo) -> Row:
    """Return the row of an engine."""
    return {**_facts(engine), "class_names": list(engine.class_names), "fingerprint": fingerprint(engine)}


def inspection_row(inspection: Inspection, end: ScanEnd, kept: Kept, engine_id: int | None, station: str) -> Row:
    """Return the row of a board."""
    return {
        "board_id": plain_text(inspection.board_id),
        "serial": plain_text(inspection.serial),
        "station": station,
        "verdict": inspection.verdict.value,
        "final_verdict": inspection.verdict.value,
        "reason": plain_text(inspection.reason),
        "recipe": plain_text(inspection.recipe),
        "recipe_revision": inspection.recipe_revision,
        "engine_id": engine_id,
        "lines": inspection.completeness.lines,
        "width": inspection.width,
        "pixel_format": end.scan.pixel_format.value,
        "missing_lines": inspection.completeness.missing_lines,
        "missing_reasons": list(inspection.completeness.reasons),
        "input_hash": inspection.input_hash,
        "started_us": inspection.started_ns // 1000,
        "ts_us": inspection.ended_ns // 1000,
        "latency_ms": {stage: float(ms) for stage, ms in inspection.latency_ms.items()},
        "defect_count": len(inspection.defects),
        # A board that could not be inspected is scanned again, not reviewed.
        "open_defects": sum(d.counts for d in inspection.defects) if inspection.verdict is Verdict.FAILED else 0,
        "preview": kept.preview,
        "board_image": kept.board,
        "registration": None if inspection.registration is None else list(inspection.registration),
        "pictures": dict(kept.hashes) if kept.hashes else None,
        "seal": None,
    }


def defect_rows(inspection: Inspection, kept: Kept, inspection_id: int) -> list[Row]:
    """Return the rows of a board's defects, in the board's order."""
    return [
        {
            "inspection_id": inspection_id,
            "number": number,
            "defect_code": plain_text(defect.defect_code),
            "confidence": defect.confidence,
            **dict(zip(("x1", "y1", "x2", "y2"), defect.box, strict=True)),
            "size_um": defect.size_um,
            "region": plain_text(defect.region),
            "component": plain_text(defect.component),
            "severity": defect.severity,
            "counts": defect.counts,
            "ts_us": inspection.ended_ns // 1000,
            "verification": Verification.NOT_VERIFIED_YET.value,
            "reviewer": "",
            "verified_us": None,
            "review_s": 0.0,
            "crop": crop[0] if crop else None,
            "crop_box": list(crop[1]) if crop else None,
            **dict(zip(("place_x", "place_y"), defect.place or (None, None), strict=True)),
        }
        for number, (defect, crop) in enumerate(zip(inspection.defects, kept.crops, strict=True))
    ]


def defect_of(row: RowMapping) -> Defect:
    """Return the defect that a row holds."""
    return Defect(
        defect_code=row["defect_code"],
        confidence=row["confidence"],
        box=(row["x1"], row["y1"], row["x2"], row["y2"]),
        size_um=row["size_um"],
        region=row["region"],
        component=row["component"],
        severity=row["severity"],
        counts=row["counts"],
        place=None if row["place_x"] is None else (row["place_x"], row["place_y"]),
    )


def engine_of(row: RowMapping) -> EngineInfo:
    """Return the engine facts that a row holds."""
    return EngineInfo(
        runtime=row["runtime"],
        precision=row["precision"],
        model=row["model"],
        sha256=row["sha256"],
        device=row["device"],
        class_names=tuple(row["class_names"]),
        detail=row["detail"],
    )


def inspection_of(row: RowMapping, defects: tuple[Defect, ...], engine: EngineInfo | None) -> Inspection:
    """Return the inspection that rows hold; its times are exact to the microsecond."""
    return Inspection(
        board_id=row["board_id"],
        serial=row["serial"],
        verdict=Verdict(row["verdict"]),
        reason=row["reason"],
        defects=defects,
        recipe=row["recipe"],
        recipe_revision=row["recipe_revision"],
        engine=engine,
        completeness=Completeness(row["lines"], row["missing_lines"], tuple(row["missing_reasons"])),
        input_hash=row["input_hash"],
        started_ns=row["started_us"] * 1000,
        ended_ns=row["ts_us"] * 1000,
        width=row["width"],
        latency_ms=row["latency_ms"],
        registration=None if row["registration"] is None else tuple(row["registration"]),
    )
