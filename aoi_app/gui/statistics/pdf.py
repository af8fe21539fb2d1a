"""The report of a period as PDF, A4."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QMarginsF
from PySide6.QtGui import QFont, QPageLayout, QPageSize, QPdfWriter, QTextDocument

from aoi_app.core.errors import StoreError
from aoi_app.gui.texts import defect_name, tr
from aoi_app.storage.alarms import AlarmRow
from aoi_app.storage.clock import from_us
from aoi_app.storage.figures import Figures
from aoi_app.storage.report import Line, report_lines

_STYLE = """
body { color: #1d2124; } h1 { font-size: 18pt; } h2 { font-size: 12pt; color: #565d64; }
td, th { padding: 3px 14px 3px 0; } th { text-align: left; color: #565d64; }
"""


def write_pdf(figures: Figures, alarms: Sequence[AlarmRow], file: Path) -> None:
    """Write the report in the language in use. Needs a Qt application. Raises StoreError."""
    try:
        # Tried first: Qt does not say why it cannot write.
        with file.open("wb"):
            pass
    except OSError as error:
        raise StoreError(f"{file} could not be written: {error}.", "Choose another folder.") from error
    writer = QPdfWriter(str(file))
    writer.setPageLayout(
        QPageLayout(QPageSize(QPageSize.PageSizeId.A4), QPageLayout.Orientation.Portrait, QMarginsF(18, 18, 18, 18))
    )
    writer.setTitle(tr("Shift report"))
    document = QTextDocument()
    font = QFont()
    font.setPointSizeF(9.5)
    document.setDefaultFont(font)
    document.setDefaultStyleSheet(_STYLE)
    document.setHtml(report_html(figures, alarms))
    document.print_(writer)


def report_html(figures: Figures, alarms: Sequence[AlarmRow]) -> str:
    """Return the report as HTML."""
    since, until = (from_us(us).astimezone().strftime("%Y-%m-%d %H:%M") for us in (figures.since_us, figures.until_us))
    parts = [f"<h1>{html.escape(tr('Shift report'))}</h1>", f"<p>{since} – {until}</p>"]
    section = ""
    for line in report_lines(figures, alarms):
        if line.section != section:
            parts.append("</table>" if section else "")
            section = line.section
            head = "".join(f"<th>{html.escape(tr(name))}</th>" for name in ("", "Value", "n", "95 % interval"))
            parts.append(f"<h2>{html.escape(tr(section))}</h2><table><tr>{head}</tr>")
        parts.append(_row(line))
    return "".join([*parts, "</table>" if section else ""])


def _row(line: Line) -> str:
    name = defect_name(line.name) if line.section.endswith("by class") else tr(line.name)
    bounds = "" if line.low is None or line.high is None else f"{_value(line, line.low)} – {_value(line, line.high)}"
    cells = (name, _value(line, line.value), "" if line.n is None else f"{line.n:,}", bounds)
    return "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"


def _value(line: Line, value: float | str | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if line.unit == "share":
        return f"{value:.2%}"
    return f"{value:,.1f} s" if line.unit == "s" else f"{value:,.0f}"
