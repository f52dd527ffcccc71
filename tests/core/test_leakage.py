from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from solvencia import leakage


def cards_rows(rows, seed):
    rng = np.random.default_rng(seed)
    outcome = (rng.random(rows) < 0.3).astype(float)
    housing = rng.integers(0, 3, rows).astype(float)
    housing[outcome == 1] = np.where(rng.random(int(outcome.sum())) < 0.8, 1, 2)
    return {"is_bad": outcome, "housing": housing, "years_at_address": rng.gamma(2, 3, rows)}


def test_direction_does_not_matter(cards):
    """A number that falls with risk knows as much as one that rises."""
    test = cards_rows(500, 1)
    rng = np.random.default_rng(2)
    years = test["is_bad"] + rng.normal(0, 1, 500)

    up, down = (
        leakage.measure_each(
            cards, ("years_at_address",), test | {"years_at_address": sign * years}, None
        )
        for sign in (1, -1)
    )

    assert up == down
    assert up["years_at_address"] == pytest.approx(roc_auc_score(test["is_bad"], years))


def test_a_value_that_is_there_only_for_the_bad_leaks(cards):
    """What is recorded after the fact leaks by being there, whatever its values."""
    test = cards_rows(500, 3)
    years = np.where(test["is_bad"] == 1, test["years_at_address"], np.nan)

    found = leakage.measure_each(
        cards, ("years_at_address",), test | {"years_at_address": years}, None
    )

    assert found["years_at_address"] == 1.0


def test_a_text_is_ranked_by_its_bad_rate_in_training(cards):
    """Categories have no order of their own; training gives one, and without it there is none."""
    test, train = cards_rows(800, 4), cards_rows(800, 5)
    test["housing"][:5] = np.nan

    found = leakage.measure_each(cards, ("housing",), test, train)

    rates = {code: train["is_bad"][train["housing"] == code].mean() for code in (0, 1, 2)}
    expected = [rates.get(code, train["is_bad"].mean()) for code in test["housing"].tolist()]
    assert found["housing"] == pytest.approx(roc_auc_score(test["is_bad"], expected))
    assert found["housing"] > 0.7 > roc_auc_score(test["is_bad"], np.nan_to_num(test["housing"]))
    assert leakage.measure_each(cards, ("housing",), test, None) == {"housing": None}
