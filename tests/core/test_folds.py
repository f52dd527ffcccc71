from __future__ import annotations

import numpy as np

from solvencia import folds


def draw(rows: int):
    rng = np.random.default_rng(0)
    dates = np.datetime64("2024-01-01") + rng.integers(0, 366, rows)
    return dates, (rng.random(rows) < 0.2).astype(float)


def test_many_rows_are_judged_on_the_newest_quarters():
    """Models of older applications are judged on newer ones, days whole."""
    dates, outcome = draw(6000)

    first, last = folds.cut(dates, outcome)

    for older, newer in (first, last):
        assert dates[older].max() < dates[newer].min()
        assert 0.23 < newer.mean() < 0.28
    assert (first[0] | first[1] == last[0]).all()
    assert (last[0] | last[1]).all()


def test_few_rows_are_judged_span_by_span():
    """Each span's models saw everything before it and nothing after."""
    dates, outcome = draw(1000)

    found = folds.cut(dates, outcome)

    assert len(found) == 4
    for older, newer in found:
        assert dates[older].max() < dates[newer].min()
        assert not (older & newer).any()
    assert sum(newer.sum() for _, newer in found) == (~found[0][0]).sum()


def test_a_single_day_is_cut_by_outcome():
    """Without enough days every fourth good and every fourth bad row is judged."""
    outcome = (np.arange(400) % 10 == 0).astype(float)

    ((older, newer),) = folds.cut(np.full(400, np.datetime64("2024-05-05")), outcome)

    assert newer.sum() == 100
    assert outcome[newer].sum() == 10
    assert (older != newer).all()
