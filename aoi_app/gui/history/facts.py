"""Every fact of a board's record, as rows of name and value. Pure."""

from __future__ import annotations

from aoi_app.core.inspection import Verdict, Verification
from aoi_app.gui.history.columns import local_time, reason_text
from aoi_app.gui.line.verdict_looks import LOOKS
from aoi_app.gui.texts import message, tr
from aoi_app.storage.history import BoardRecord, DefectRow

Rows = list[tuple[str, str]]

STATES = {
    Verification.NOT_VERIFIED_YET: "Waiting for review",
    Verification.DEFECT_CONFIRMED: "Confirmed",
    Verification.DEFECT_REJECTED: "False call",
    Verification.DEFECT_ACCEPTED: "Accepted",
    Verification.DEFECT_REPAIRED: "Repaired",
    Verification.DEFECT_CLOSED: "Closed",
}
"""What a person calls the states of CFX."""


def board_facts(record: BoardRecord) -> Rows:
    """Return what is known of the board and its inspection; names in English, values for people."""
    row, inspection = record.row, record.inspection
    whole = inspection.completeness
    facts = [
        ("Verdict", tr(LOOKS[row.verdict].word)),
        ("After review", tr(LOOKS[row.final_verdict].word)),
        ("Reason", reason_text(row.verdict, row.reason)),
        ("Serial number", row.serial),
        ("Inspected", local_time(row.ended_us)),
        ("Station", row.station),
        ("Recipe", tr("{name}, revision {n}", name=row.recipe, n=row.recipe_revision)),
        ("Size", _size(record)),
        ("Complete", tr("yes") if whole.ok else tr("no, {n} lines are missing", n=f"{whole.missing_lines:,}")),
    ]
    return [(name, value) for name, value in facts if value]


def _size(record: BoardRecord) -> str:
    width, lines = record.inspection.width, record.inspection.completeness.lines
    return tr("{w} × {h} px, {format}", w=f"{width:,}", h=f"{lines:,}", format=record.pixel_format.value)


def engine_facts(record: BoardRecord) -> Rows:
    """Return what inspected the board."""
    engine = record.inspection.engine
    if engine is None:
        return [("Model", tr("none: the board was not inspected"))]
    facts = [
        ("Model", engine.model),
        ("Engine hash", engine.sha256[:16]),
        ("Runtime", engine.runtime),
        ("Precision", message(engine.precision)),
        ("Device", message(engine.device)),
        ("Remark", message(engine.detail)),
    ]
    return [(name, value) for name, value in facts if value]


def review_note(record: BoardRecord, defect: DefectRow) -> str:
    """Return what review made of a defect, who said so, when, and how long it took; empty where it asks for none."""
    if not defect.defect.counts or record.row.verdict is not Verdict.FAILED:
        return ""
    state = tr(STATES[defect.verification])
    if defect.verified_us is None:
        return state
    seconds = tr("{s} s", s=f"{defect.review_s:.1f}")
    return ", ".join((state, defect.reviewer, local_time(defect.verified_us), seconds))


def trace_facts(record: BoardRecord) -> Rows:
    """Return how the board can be found and compared again."""
    return [("Board id", record.row.board_id), ("Image hash", record.inspection.input_hash)]


def latency_facts(record: BoardRecord) -> Rows:
    """Return milliseconds by stage; the number of tiles is a number."""
    return [
        (stage.capitalize(), f"{value:,.0f}" if stage == "tiles" else tr("{ms} ms", ms=f"{value:,.1f}"))
        for stage, value in record.inspection.latency_ms.items()
    ]
