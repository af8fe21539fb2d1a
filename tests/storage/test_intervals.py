"""Rates and charts against hand-computed cases, SciPy and statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aoi_app.storage.charts import RUN, p_chart, u_chart
from aoi_app.storage.intervals import beta_quantile, clopper_pearson, incomplete_beta, rate, wilson

counts = st.integers(0, 2_000_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts)
def test_wilson_is_that_of_statsmodels(count: tuple[int, int]) -> None:
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    k, n = count
    if n == 0:
        assert wilson(k, n) == (0.0, 1.0)
    else:
        assert wilson(k, n) == pytest.approx(proportion.proportion_confint(k, n, method="wilson"), rel=1e-6, abs=1e-12)


@given(counts)
def test_clopper_pearson_is_that_of_scipy(count: tuple[int, int]) -> None:
    stats = pytest.importorskip("scipy.stats")
    k, n = count
    if n:
        low = 0.0 if k == 0 else stats.beta.ppf(0.025, k, n - k + 1)
        high = 1.0 if k == n else stats.beta.ppf(0.975, k + 1, n - k)
        assert clopper_pearson(k, n) == pytest.approx((low, high), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("a", [0.5, 1, 2.5, 40, 3000])
@pytest.mark.parametrize("b", [0.5, 1, 7, 500, 1e6])
@pytest.mark.parametrize("x", [1e-7, 0.001, 0.2, 0.5, 0.9, 0.9999])
def test_incomplete_beta_is_that_of_scipy(a: float, b: float, x: float) -> None:
    special = pytest.importorskip("scipy.special")
    assert incomplete_beta(x, a, b) == pytest.approx(float(special.betainc(a, b, x)), rel=1e-7, abs=1e-12)


def test_intervals_by_hand() -> None:
    # Rule of three: no miss in 3,000 shows less than about 3.7 / 3000 at 97.5 %.
    assert clopper_pearson(0, 3000)[1] == pytest.approx(1 - 0.025 ** (1 / 3000), rel=1e-9)
    # Newcombe (1998), Statistics in Medicine 17, table I: 81 of 263 and 15 of 148.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert clopper_pearson(81, 263) == pytest.approx((0.2527, 0.3676), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert clopper_pearson(15, 148) == pytest.approx((0.0578, 0.1617), abs=5e-5)
    assert clopper_pearson(0, 20) == pytest.approx((0.0, 0.1684), abs=5e-5)


@given(counts)
def test_the_share_lies_in_its_interval(count: tuple[int, int]) -> None:
    for method in ("wilson", "exact"):
        found = rate(*count, method)
        assert 0 <= found.low <= found.high <= 1
        if found.value is None:
            assert count[1] == 0 and (found.low, found.high) == (0, 1)
        else:
            assert found.low <= found.value <= found.high


@pytest.mark.parametrize("count", [(-1, 5), (6, 5)])
def test_counts_that_cannot_be(count: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="between 0 and the number of units"):
        rate(*count)


@given(st.floats(0.001, 0.999), st.floats(0.5, 1e4), st.floats(0.5, 1e4))
def test_the_quantile_is_the_inverse(p: float, a: float, b: float) -> None:
    assert incomplete_beta(beta_quantile(p, a, b), a, b) == pytest.approx(p, rel=1e-6)


def test_p_chart_by_hand() -> None:
    chart = p_chart([2, 4, 0, 12, 2], [50, 50, 100, 50, 50])
    assert chart.centre == pytest.approx(20 / 300)
    sigma = math.sqrt(20 / 300 * (280 / 300) / 50)
    assert chart.high[0] == pytest.approx(20 / 300 + 3 * sigma)
    assert chart.low[0] == 0
    assert list(chart.beyond) == [False, False, False, True, False]
    assert chart.high[2] < chart.high[0], "a larger subgroup has narrower limits"


def test_u_chart_by_hand() -> None:
    chart = u_chart([8, 30, 12], [10, 10, 10])
    assert chart.centre == pytest.approx(50 / 30)
    assert chart.high[0] == pytest.approx(50 / 30 + 3 * math.sqrt(50 / 30 / 10))
    assert list(chart.beyond) == [False, True, False]


def test_an_empty_subgroup_is_a_gap() -> None:
    chart = p_chart([1, 0, 1], [10, 0, 10])
    assert np.isnan(chart.values[1]) and not chart.beyond[1]
    assert chart.centre == pytest.approx(0.1)
    nothing = u_chart([0, 0], [0, 0])
    assert np.isnan(nothing.centre) and not nothing.beyond.any()
    assert p_chart([], []).values.size == 0


def test_a_run_on_one_side_is_marked_from_the_eighth_point_on() -> None:
    chart = u_chart([12] * 9 + [2] * 9, [10] * 18)
    assert list(chart.in_run) == 2 * ([False] * (RUN - 1) + [True] * 2)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=30))
def test_limits_enclose_the_centre(groups: list[tuple[int, int]]) -> None:
    bad, sizes = [min(c, n) for c, n in groups], [n for _, n in groups]
    chart = p_chart(bad, sizes)
    filled = ~np.isnan(chart.values)
    assert list(filled) == [n > 0 for n in sizes]
    assert (chart.low[filled] <= chart.centre + 1e-12).all() and (chart.centre <= chart.high[filled] + 1e-12).all()
