"""Control charts of a process: p-chart for shares of boards, u-chart for defects per board. Pure.

Source: W. A. Shewhart's limits at three standard deviations, as in ISO 7870-2; a run of eight points on one side of the
centre line is the second of the usual tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIGMAS = 3.0
RUN = 8

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ControlChart:
    """One chart, a value a subgroup, in order of time.

    Attributes
    ----------
    values, low, high
        (k,) float64; NaN where a subgroup has no units, limits depend on each subgroup's size.
    centre
        Centre line; NaN when there is nothing at all.
    beyond, in_run
        (k,) bool: outside its limits; the eighth or a later point in a row on one side of the centre line.
    """

    values: Floats
    centre: float
    low: Floats
    high: Floats
    beyond: NDArray[np.bool_]
    in_run: NDArray[np.bool_]


def p_chart(counts: Sequence[int], sizes: Sequence[int]) -> ControlChart:
    """Return the chart of `counts` boards (failed ones, say) out of `sizes`."""
    return _chart(counts, sizes, lambda centre, n: np.sqrt(centre * (1 - centre) / n), 1.0)


def u_chart(counts: Sequence[int], sizes: Sequence[int]) -> ControlChart:
    """Return the chart of `counts` defects on `sizes` boards."""
    return _chart(counts, sizes, lambda centre, n: np.sqrt(centre / n), np.inf)


def _chart(
    counts: Sequence[int], sizes: Sequence[int], sigma: Callable[[float, Floats], Floats], most: float
) -> ControlChart:
    if len(counts) != len(sizes):
        raise ValueError(f"{len(counts)} counts for {len(sizes)} subgroups")
    found = np.asarray(counts, np.float64)
    n = np.where(np.asarray(sizes) > 0, np.asarray(sizes, np.float64), np.nan)
    total = float(np.nansum(n))
    centre = float(found[~np.isnan(n)].sum()) / total if total else float("nan")
    values, spread = found / n, SIGMAS * sigma(centre, n)
    low, high = np.maximum(centre - spread, 0.0), np.minimum(centre + spread, most)
    return ControlChart(values, centre, low, high, (values < low) | (values > high), _runs(np.sign(values - centre)))


def _runs(side: Floats) -> NDArray[np.bool_]:
    """Mark points from the eighth on of a run on one side; a point on the line ends it, an empty subgroup does not."""
    marked, length, last = np.zeros(len(side), np.bool_), 0, 0.0
    for i, s in enumerate(side):
        if np.isnan(s):
            continue
        length = length + 1 if s == last and s != 0 else int(s != 0)
        last = float(s)
        marked[i] = length >= RUN
    return marked
