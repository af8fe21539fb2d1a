"""An inspection as plain JSON values: what `aoi inspect` prints, one object a line."""

from __future__ import annotations

from typing import Any

from aoi_app.core.inspection import Defect, EngineInfo, Inspection


def inspection_object(inspection: Inspection) -> dict[str, Any]:
    """Return an inspection as JSON values; boxes in pixels of the board, times in milliseconds.

    Of a board that nothing was seen of the width is 0 and the engine empty: none looked at it.
    """
    return {
        "board": inspection.serial,
        "verdict": inspection.verdict.value,
        "reason": inspection.reason,
        "defects": [_defect(d) for d in inspection.defects],
        "lines": inspection.completeness.lines,
        "missing_lines": inspection.completeness.missing_lines,
        "width": inspection.width if inspection.completeness.lines else 0,
        "input_hash": inspection.input_hash,
        "recipe": {"name": inspection.recipe, "revision": inspection.recipe_revision},
        "latency_ms": {stage: round(ms, 3) for stage, ms in inspection.latency_ms.items()},
        "engine": _engine(inspection.engine),
    }


def _defect(defect: Defect) -> dict[str, Any]:
    values: dict[str, Any] = {
        "class": defect.defect_code,
        "confidence": round(defect.confidence, 5),
        "box": [round(v, 2) for v in defect.box],
    }
    optional = {"size_um": defect.size_um, "region": defect.region, "component": defect.component}
    values.update({name: value for name, value in optional.items() if value})
    if not defect.counts:
        values["counts"] = False
    return values


def _engine(engine: EngineInfo | None) -> dict[str, Any]:
    if engine is None:
        return {}
    names = ("runtime", "precision", "model", "sha256", "device", "detail")
    return {name: getattr(engine, name) for name in names}
