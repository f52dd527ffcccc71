from __future__ import annotations

import json
import math

import numpy as np
import pytest

from solvencia import card, features, logistic
from solvencia.calibration import Line
from solvencia.card import Bins
from solvencia.scorecard import to_points


def fit(portfolio, columns):
    names = tuple(each.name for each in portfolio.features)
    outcome = columns[portfolio.label.field].astype(float)
    return card.fit(portfolio, names, features.build(portfolio, columns), outcome, names)


def test_a_card_is_read_back_bit_for_bit(consumer_credit, splits):
    """The JSON alone scores as the fitted card."""
    whole = fit(consumer_credit, splits["train"])
    matrix = features.build(consumer_credit, splits["test"])

    found = card.read(whole.write(consumer_credit.scaling))

    assert found == whole
    assert found.log_odds(matrix).tobytes() == whole.log_odds(matrix).tobytes()


def test_points_of_the_bins_make_the_score(consumer_credit, splits):
    """The points a reader sees add up to the score of the scale, but for rounding."""
    whole = fit(consumer_credit, splits["train"]).calibrate(Line(1.2, -0.1))
    scaling = consumer_credit.scaling
    row = features.build(consumer_credit, splits["test"])[:1]
    fields = json.loads(whole.write(scaling))["fields"]

    points = 0.0
    for part, body in zip(whole.parts, fields, strict=True):
        assert isinstance(part, Bins)
        (place,) = part.binning.place(row[:, whole.features.index(part.field)]).tolist()
        points += body["points"][place]
    factor = scaling.pdo / math.log(2)
    base = scaling.points - factor * math.log(scaling.odds) - factor * whole.intercept
    pd = 1 / (1 + math.exp(-float(whole.log_odds(row)[0])))

    assert points + base == pytest.approx(to_points(scaling, pd), abs=0.6)


def test_no_coefficient_contradicts_its_woe(consumer_credit, splits):
    """A field whose coefficient would have the wrong sign leaves the card."""
    whole = fit(consumer_credit, splits["train"])

    assert len(whole.parts) >= 3
    assert all(part.coefficient < 0 for part in whole.parts)


def test_the_regression_finds_the_maximum():
    """At the fitted coefficients the likelihood's gradient is 0, even from a far start."""
    rng = np.random.default_rng(4)
    matrix = np.column_stack([rng.normal(size=3000), 8 * rng.poisson(0.05, 3000)])
    log_odds = -3 + matrix @ [1.5, 0.6]
    outcome = (rng.random(3000) < 1 / (1 + np.exp(-log_odds))).astype(float)

    coefficients, intercept = logistic.fit(matrix, outcome, ridge=0.0)

    error = outcome - 1 / (1 + np.exp(-(matrix @ coefficients + intercept)))
    assert np.abs(np.column_stack([matrix, np.ones(3000)]).T @ error).max() < 1e-2
    assert coefficients == pytest.approx([1.5, 0.6], abs=0.2)


def test_a_signed_column_of_the_wrong_sign_leaves():
    """Of two signed columns and a free one, the one that would be positive goes."""
    rng = np.random.default_rng(6)
    matrix = rng.normal(size=(4000, 3))
    log_odds = -1 + matrix @ [-1.0, 0.8, 0.7]
    outcome = (rng.random(4000) < 1 / (1 + np.exp(-log_odds))).astype(float)

    kept, coefficients, _ = logistic.fit_signed(matrix, outcome, np.array([True, True, False]))

    assert kept.tolist() == [0, 2]
    assert coefficients[0] < 0 < coefficients[1]
