from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from solvencia import drift


def test_the_index_is_that_of_deciles():
    """On continuous values the index is the textbook sum over train's deciles."""
    rng = np.random.default_rng(1)
    train, test = rng.normal(size=5000), rng.normal(0.4, 1, 3000)
    edges = [-np.inf, *sorted(train)[499:4999:500], np.inf]
    expected = 0.0
    for low, high in itertools.pairwise(edges):
        was = np.sum((train > low) & (train <= high)) / 5000
        now = np.sum((test > low) & (test <= high)) / 3000
        expected += (now - was) * math.log(now / was)

    found = drift.compare(train, test)

    assert found.index == pytest.approx(expected, abs=1e-12)
    assert [each.train_share for each in found.bins] == pytest.approx([0.1] * 10)
    assert found.reading == "watch"


def test_missing_is_a_bin_of_its_own():
    """Few values are bins each, and rows that turn missing move the index by hand's sum."""
    train = np.array([1.0] * 50 + [2.0] * 40 + [np.nan] * 10)
    test = np.array([1.0] * 5 + [2.0] * 2 + [np.nan] * 3)

    found = drift.compare(train, test)

    parts = [0.0 * math.log(0.5 / 0.5), (0.2 - 0.4) * math.log(0.5), (0.3 - 0.1) * math.log(3)]
    assert [each.part for each in found.bins] == pytest.approx(parts)
    assert [each.is_missing for each in found.bins] == [False, False, True]
    assert [(each.low, each.high) for each in found.bins] == [(None, 1), (1, None), (None, None)]
    assert found.reading == "shifted"


def test_an_empty_bin_counts_half_a_row():
    """A value that vanished has 0.5 of the test's rows, and the reported share stays 0."""
    train, test = np.array([0.0] * 90 + [1.0] * 10), np.zeros(50)

    found = drift.compare(train, test)

    expected = (1 - 0.9) * math.log(1 / 0.9) + (0.01 - 0.1) * math.log(0.01 / 0.1)
    assert found.index == pytest.approx(expected)
    assert found.bins[1].test_share == 0


def test_the_same_rows_have_not_moved():
    """Equal populations have an index of 0, ties and missing ones included."""
    values = np.array([0.0] * 70 + list(range(1, 21)) + [np.nan] * 10)

    found = drift.compare(values, values)

    assert found.index == 0
    assert found.reading == "stable"
    assert sum(each.train_share for each in found.bins) == pytest.approx(1)


def test_categories_are_not_merged():
    """A text's codes are bins each, however many there are."""
    codes = np.repeat(np.arange(15.0), 4)

    assert len(drift.compare(codes, codes, by_value=True).bins) == 15
    assert len(drift.compare(codes, codes).bins) < 11


def test_the_interval_of_an_index_narrows_with_more_rows():
    """It holds the measured index, never reaches below 0, and knows chance from a shift."""
    rng = np.random.default_rng(4)
    same = drift.compare(rng.normal(size=4000), rng.normal(size=4000))
    apart = drift.compare(rng.normal(size=4000), rng.normal(0.7, size=4000))

    few, many = drift.interval(same, 400, 400), drift.interval(same, 40_000, 40_000)
    low, high = drift.interval(apart, 4000, 4000)

    assert 0 <= few[0] <= many[0] <= same.index <= many[1] < few[1]
    assert 0.25 < low < apart.index < high
    assert drift.interval(same, 400, 400) == few
