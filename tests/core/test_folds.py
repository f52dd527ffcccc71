from __future__ import annotations

import numpy as np

from solvencia.folds import find_newer


def test_the_newer_fold_is_whole_months_after_all_others():
    """Inner folds are judged on the newest vintages, about a quarter of the rows."""
    rng = np.random.default_rng(0)
    dates = np.datetime64("2024-01-01") + rng.integers(0, 366, 3000)
    outcome = (rng.random(3000) < 0.2).astype(float)

    is_newer = find_newer(dates, outcome)

    months = dates.astype("datetime64[M]")
    assert months[~is_newer].max() < months[is_newer].min()
    assert 0.15 < is_newer.mean() < 0.35


def test_a_single_vintage_is_cut_by_outcome():
    """Without enough months every fourth good and every fourth bad row is judged."""
    outcome = (np.arange(400) % 10 == 0).astype(float)

    is_newer = find_newer(np.full(400, np.datetime64("2024-05-05")), outcome)

    assert is_newer.sum() == 100
    assert outcome[is_newer].sum() == 10
