from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from solvencia import calibration_line


@pytest.fixture
def scored():
    """20,000 applications with PDs that are exactly right."""
    rng = np.random.default_rng(31)
    log_odds = rng.normal(-2.5, 1.2, 20_000)
    return (rng.random(20_000) < 1 / (1 + np.exp(-log_odds))).astype(float), log_odds


def to_pd(log_odds):
    return 1 / (1 + np.exp(-log_odds))


def test_right_probabilities_have_slope_1_and_intercept_0(scored):
    """Both intervals hold the perfect value, and the slope is an unpenalised regression's."""
    outcome, log_odds = scored

    found = calibration_line.fit(outcome, to_pd(log_odds))

    fitted = LogisticRegression(C=np.inf, tol=1e-10).fit(log_odds.reshape(-1, 1), outcome)
    assert found.slope == pytest.approx(fitted.coef_[0, 0], abs=1e-5)
    assert found.slope_low < 1 < found.slope_high
    assert found.intercept_low < 0 < found.intercept_high


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.7), (2.0, 0.0), (0.5, 0.0)])
def test_wrong_probabilities_are_measured(scored, slope, intercept):
    """Log-odds stretched by 2 have slope 1/2; log-odds moved up by 0.7 an intercept of -0.7."""
    outcome, log_odds = scored

    found = calibration_line.fit(outcome, to_pd(slope * log_odds + intercept))

    assert found.slope == pytest.approx(1 / slope, rel=0.04)
    if intercept:
        assert found.intercept == pytest.approx(-intercept, abs=0.05)
        assert found.intercept_high < 0
    else:
        assert not found.slope_low < 1 < found.slope_high


def test_the_interval_covers(scored):
    """Of 200 fresh draws of the outcomes, about 95 % have the true slope in their interval."""
    _, log_odds = scored
    log_odds = log_odds[:2000]
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(200):
        outcome = (rng.random(2000) < to_pd(log_odds)).astype(float)
        found = calibration_line.fit(outcome, to_pd(log_odds))
        hits += found.slope_low < 1 < found.slope_high

    assert 0.90 < hits / 200 < 0.99


@pytest.mark.parametrize("pd", [np.full(100, 0.3), np.repeat([0.1, 0.9], 50)])
def test_without_a_line_there_is_none(pd):
    """Equal PDs, or PDs that part the outcomes without exception, fit no line."""
    assert calibration_line.fit(np.repeat([0.0, 1.0], 50), pd) is None
