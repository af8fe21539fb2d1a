"""The report of a shift as data: for CSV, JSON, and whoever prints it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TextIO

from aoi_app.core.inspection import Verdict
from aoi_app.storage.alarms import AlarmRow
from aoi_app.storage.clock import from_us, iso
from aoi_app.storage.figures import Figures
from aoi_app.storage.intervals import Rate
from aoi_app.storage.spreadsheet import rows_into

LONGEST_PARETO = 20
_COUNTED = ("boards", "not_passed", "inspected", "confirmed", "false_calls")


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of the report.

    Attributes
    ----------
    section, name
        Where it stands, and what it is.
    value
        None where nothing was counted, or what it needs is not known.
    unit
        `boards`, `defects`, `share`, `per million`, `s` or `text`.
    n, low, high
        What it was counted on and its 95 % interval, in the unit; None for a plain count.
    """

    section: str
    name: str
    value: float | str | None
    unit: str
    n: int | None = None
    low: float | None = None
    high: float | None = None


def report_lines(figures: Figures, alarms: Sequence[AlarmRow] = ()) -> list[Line]:
    """Return the report of a period, in the order in which it is read."""
    only = (("recipe", ", ".join(figures.recipes)), ("station", figures.station))
    lines = [Line("only", name, value, "text") for name, value in only if value]
    lines += [Line("boards", verdict.value, figures.verdicts.get(verdict, 0), "boards") for verdict in Verdict]
    lines += [
        _share("yield", "first-pass yield", figures.first_pass_yield),
        _share("yield", "passed by the station", figures.machine_yield),
        _millions("defects", "DPMO", figures.dpmo),
        *_not_set(figures),
        Line("defects", "waiting for review", figures.open_defects, "defects"),
        _share("false calls", "of all reviewed calls", figures.false_calls),
        _millions("false calls", "per million opportunities", figures.false_calls_per_opportunity),
        _share("false calls", "boards without a false call", figures.boards_without_false_call),
        Line("review", "time in all", round(figures.review_s, 3), "s"),
        Line("review", "median of a defect", figures.review_median_s, "s"),
    ]
    for section, counted in (
        ("confirmed defects by class", figures.by_class),
        ("confirmed defects by component", figures.by_component),
        ("confirmed defects by region", figures.by_region),
    ):
        lines += [Line(section, name or "not named", n, "defects") for name, n in counted[:LONGEST_PARETO]]
    for alarm in alarms:
        answer = f"{alarm.cause} ({alarm.acknowledged_by})" if alarm.acknowledged_us else "not acknowledged"
        lines.append(Line("alarms", f"{from_us(alarm.at_us):%Y-%m-%d %H:%M:%S} UTC: {alarm.what}", answer, "text"))
    return lines


def report_object(
    figures: Figures, alarms: Sequence[AlarmRow] = (), filters: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the report as JSON values, with the subgroups that its charts are drawn from; times in UTC."""
    groups = figures.subgroups
    return {
        "since": iso(figures.since_us),
        "until": iso(figures.until_us),
        "filters": dict(filters or {}),
        "figures": [asdict(line) for line in report_lines(figures, alarms)],
        "subgroups": [
            {"start": iso(start), **dict(zip(_COUNTED, counts, strict=True))}
            for start, *counts in zip(
                groups.start_us.tolist(), *(getattr(groups, name).tolist() for name in _COUNTED), strict=True
            )
        ],
    }


def write_report_csv(figures: Figures, alarms: Sequence[AlarmRow], target: TextIO) -> None:
    """Write one line a figure."""
    write = rows_into(target)
    write(("section", "name", "value", "unit", "n", "low_95", "high_95"))
    write(("period", "since", iso(figures.since_us), "text", "", "", ""))
    write(("period", "until", iso(figures.until_us), "text", "", "", ""))
    for line in report_lines(figures, alarms):
        cells = (line.value, line.unit, line.n, line.low, line.high)
        write((line.section, line.name, *("" if cell is None else cell for cell in cells)))


def _not_set(figures: Figures) -> list[Line]:
    """Say why there is no DPMO, rather than leave a gap."""
    names = ", ".join(figures.opportunities_not_set)
    return [Line("defects", "opportunities not set in recipe", names, "text")] if names else []


def _share(section: str, name: str, rate: Rate) -> Line:
    return Line(section, name, rate.value, "share", rate.n, rate.low, rate.high)


def _millions(section: str, name: str, rate: Rate | None) -> Line:
    if rate is None or rate.value is None:
        return Line(section, name, None, "per million")
    return Line(section, name, rate.value * 1e6, "per million", rate.n, rate.low * 1e6, rate.high * 1e6)
