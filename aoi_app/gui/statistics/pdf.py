"""The report of a period as PDF, A4."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, QMarginsF, QUrl
from PySide6.QtGui import QFont, QPageLayout, QPageSize, QPdfWriter, QTextDocument

from aoi_app.core.errors import StoreError
from aoi_app.gui.statistics.pdf_chart import PRINTED, chart_picture
from aoi_app.gui.texts import defect_name, message, tr
from aoi_app.storage.alarms import AlarmRow
from aoi_app.storage.charts import p_chart, u_chart
from aoi_app.storage.clock import from_us
from aoi_app.storage.figures import Figures
from aoi_app.storage.report import Line, report_lines

_STYLE = """
body { color: #1d2124; } h1 { font-size: 18pt; } h2 { font-size: 12pt; color: #565d64; }
td, th { padding: 2px 14px 2px 0; } th { text-align: left; color: #565d64; }
td.section { font-weight: 600; padding-top: 10px; color: #565d64; }
"""
CHARTS = (("Boards not passed, % (p-chart)", "p"), ("Confirmed defects per board (u-chart)", "u"))


def write_pdf(figures: Figures, alarms: Sequence[AlarmRow], file: Path) -> None:
    """Write the report in the language in use. Needs a Qt application. Raises StoreError."""
    # In memory first: Qt says neither that a disk was full nor why it cannot write.
    paper = QBuffer()
    paper.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(paper)
    writer.setPageLayout(
        QPageLayout(QPageSize(QPageSize.PageSizeId.A4), QPageLayout.Orientation.Portrait, QMarginsF(18, 18, 18, 18))
    )
    writer.setTitle(tr("Shift report"))
    report_document(figures, alarms).print_(writer)
    try:
        file.write_bytes(bytes(paper.data().data()))
    except OSError as error:
        raise StoreError(f"{file} could not be written: {error}.", "Choose another folder.") from error


def report_document(figures: Figures, alarms: Sequence[AlarmRow]) -> QTextDocument:
    """Return the report with its charts, to be printed or painted."""
    document = QTextDocument()
    font = QFont()
    font.setPointSizeF(9.5)
    document.setDefaultFont(font)
    document.setDefaultStyleSheet(_STYLE)
    groups = figures.subgroups
    not_passed = p_chart(groups.not_passed.tolist(), groups.boards.tolist())
    defects = u_chart(groups.confirmed.tolist(), groups.inspected.tolist())
    pictures = {
        "p": chart_picture(not_passed, groups.start_us, True),
        "u": chart_picture(defects, groups.start_us, False),
    }
    for name, picture in pictures.items():
        document.addResource(QTextDocument.ResourceType.ImageResource.value, QUrl(f"chart:{name}"), picture)
    document.setHtml(report_html(figures, alarms))
    return document


def report_html(figures: Figures, alarms: Sequence[AlarmRow]) -> str:
    """Return the report as HTML; its charts are the resources `chart:p` and `chart:u`."""
    since, until = (from_us(us).astimezone().strftime("%Y-%m-%d %H:%M") for us in (figures.since_us, figures.until_us))
    head = "".join(f"<th>{html.escape(tr(name))}</th>" for name in ("", "Value", "n", "95 % interval"))
    parts = [
        f"<h1>{html.escape(tr('Shift report'))}</h1><p>{since} – {until}</p>",
        *(
            f'<h2>{html.escape(tr(title))}</h2><img src="chart:{name}" width="{PRINTED[0]}" height="{PRINTED[1]}">'
            for title, name in CHARTS
        ),
        f"<table><tr>{head}</tr>",
    ]
    section = ""
    for line in report_lines(figures, alarms):
        if line.section != section:
            section = line.section
            parts.append(f'<tr><td class="section" colspan="4">{html.escape(tr(section))}</td></tr>')
        parts.append(_row(line))
    return "".join([*parts, "</table>"])


def _row(line: Line) -> str:
    name = defect_name(line.name) if line.section.endswith("by class") else message(tr(line.name))
    counted = line.n != 0 and line.low is not None and line.high is not None
    bounds = f"{_value(line, line.low)} – {_value(line, line.high)}" if counted else ""
    cells = (name, _value(line, line.value), "" if line.n is None else f"{line.n:,}", bounds)
    return "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"


def _value(line: Line, value: float | str | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return message(value)
    if line.unit == "share":
        return f"{value:.2%}"
    return f"{value:,.1f} s" if line.unit == "s" else f"{value:,.0f}"
