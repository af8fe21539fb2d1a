"""Bounds of a rate: how sure a share can be that was counted on n units. Pure.

Sources: E. B. Wilson (1927), J. Am. Stat. Assoc. 22; C. J. Clopper and E. S. Pearson (1934), Biometrika 26;
W. J. Lentz (1976), Applied Optics 15, for the continued fraction of the incomplete beta function.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

CONFIDENCE = 0.95

Bounds = tuple[float, float]


def wilson(count: int, n: int, confidence: float = CONFIDENCE) -> Bounds:
    """Return the Wilson score interval of `count` out of `n`; (0, 1) when n is 0. For shares on a screen."""
    _check(count, n)
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    p, z2 = count / n, z * z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return (0.0 if count == 0 else centre - half), (1.0 if count == n else centre + half)


def clopper_pearson(count: int, n: int, confidence: float = CONFIDENCE) -> Bounds:
    """Return the exact interval of `count` out of `n`: never too narrow. For rare events, such as escapes and DPMO."""
    _check(count, n)
    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else beta_quantile(tail, count, n - count + 1)
    high = 1.0 if count == n else beta_quantile(1 - tail, count + 1, n - count)
    return low, high


METHODS: dict[str, Callable[[int, int, float], Bounds]] = {"wilson": wilson, "exact": clopper_pearson}


@dataclass(frozen=True, slots=True)
class Rate:
    """A share with what it was counted on and its 95 % interval.

    Attributes
    ----------
    value
        count / n; None when nothing was counted.
    low, high
        Bounds of the true share.
    """

    count: int
    n: int
    value: float | None
    low: float
    high: float


def rate(count: int, n: int, method: str = "wilson") -> Rate:
    """Return `count` out of `n` with its interval by one of `METHODS`."""
    low, high = METHODS[method](count, n, CONFIDENCE)
    return Rate(count, n, count / n if n else None, low, high)


def beta_quantile(p: float, a: float, b: float) -> float:
    """Return x with I_x(a, b) = p, to 1e-15 of its size."""
    low, high = 0.0, 1.0
    for _ in range(1_100):
        # Geometric steps first: the bound of no defect in a million lies near 1e-6.
        middle = math.sqrt(low * high) if low > 0 and high > 4 * low else (low + high) / 2
        if middle in (low, high) or high - low <= 1e-15 * high:
            break
        if incomplete_beta(middle, a, b) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def incomplete_beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I_x(a, b)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        # The fraction converges fast only below the mean.
        return 1 - incomplete_beta(1 - x, b, a)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(front) / a * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    value = d
    for m in range(1, 10_000):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 + term * d
            c = 1 + term / c
            d = 1 / (d if abs(d) > tiny else tiny)
            c = c if abs(c) > tiny else tiny
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def _check(count: int, n: int) -> None:
    if not 0 <= count <= n:
        raise ValueError(f"{count} out of {n}: a count lies between 0 and the number of units")
