from __future__ import annotations

import numpy as np
import pytest

from solvencia import calibration
from solvencia.calibration import Line


def draw(slope: float, rows: int = 20_000):
    rng = np.random.default_rng(9)
    raw = rng.normal(-2.5, 1.2, rows)
    pd = 1 / (1 + np.exp(-(slope * raw + 0.3)))
    return raw, (rng.random(rows) < pd).astype(float)


def test_a_wrong_slope_is_corrected():
    """Scores that are too bold are drawn together, and the mean PD is the bad rate."""
    raw, outcome = draw(0.7)

    line = calibration.fit(raw, outcome)

    assert line.slope == pytest.approx(0.7, abs=0.05)
    assert np.mean(1 / (1 + np.exp(-line.apply(raw)))) == pytest.approx(outcome.mean(), abs=1e-6)


def test_a_slope_within_its_noise_of_one_is_one():
    """The noise of a slope is not learned; the level is."""
    raw, outcome = draw(1.0)

    line = calibration.fit(raw, outcome)

    assert line.slope == 1.0
    assert line.intercept == pytest.approx(0.3, abs=0.06)


def test_a_score_turned_round_has_a_slope_below_zero():
    """Who ranks worse than chance is told by the slope, which the trainer refuses."""
    raw, outcome = draw(1.0)

    assert calibration.fit(-raw, outcome).slope < 0


def test_the_level_is_set_on_other_rows():
    """The slope stays, and the mean PD becomes these rows' bad rate."""
    raw, outcome = draw(1.0)

    line = Line(1.2, 5.0).level(raw, outcome)

    assert line.slope == 1.2
    assert np.mean(1 / (1 + np.exp(-line.apply(raw)))) == pytest.approx(outcome.mean(), abs=1e-6)
