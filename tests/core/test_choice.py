from __future__ import annotations

import numpy as np
import pytest

from solvencia import choice
from solvencia.evaluate import measure


def draw(rows: int = 4000):
    rng = np.random.default_rng(1)
    truth = rng.normal(0, 1.5, rows)
    outcome = (rng.random(rows) < 1 / (1 + np.exp(2 - truth))).astype(float)
    return rng, truth, outcome


def test_a_gain_is_the_difference_of_the_aucs():
    """The difference is that of the two AUCs, ties counted by half, and lies in its interval."""
    rng, truth, outcome = draw()
    coarse = np.round(truth + rng.normal(0, 1, len(truth)))

    gain = choice.compare(outcome, truth, coarse)

    squash = [1 / (1 + np.exp(-each)) for each in (truth, coarse)]
    wanted = measure(outcome, squash[0]).auc - measure(outcome, squash[1]).auc
    assert gain.difference == pytest.approx(wanted, abs=1e-12)
    assert 0 < gain.low < gain.difference < gain.high


def test_the_interval_holds_what_a_bootstrap_finds():
    """DeLong's interval is about as wide as that of 300 paired draws."""
    rng, truth, outcome = draw(1500)
    other = truth + rng.normal(0, 0.7, len(truth))
    gain = choice.compare(outcome, truth, other)

    draws = []
    for _ in range(300):
        rows = rng.integers(0, len(truth), len(truth))
        draws.append(choice.compare(outcome[rows], truth[rows], other[rows]).difference)

    low, high = np.quantile(draws, (0.025, 0.975))
    assert gain.high - gain.low == pytest.approx(high - low, rel=0.25)


def test_a_tie_goes_to_the_simpler():
    """A complex kind must be better beyond noise, however much it looks better."""
    rng, truth, outcome = draw()
    weak = truth + rng.normal(0, 1.0, len(truth))
    close = weak + rng.normal(0, 0.02, len(truth))

    kind, why = choice.choose(outcome, {"scorecard": weak, "boosting": close, "blend": truth})
    tied, _ = choice.choose(outcome, {"scorecard": weak, "boosting": close})

    assert (kind, tied) == ("blend", "scorecard")
    assert "boosting against scorecard: AUC " in why
    assert "not beyond noise, so the simpler scorecard stays; blend against scorecard" in why
    assert why.endswith("on unseen rows: taken")


def test_rows_of_different_models_are_not_compared():
    """A level that differs from span to span is no gain and no loss; more rows say more."""
    rng, truth, outcome = draw()
    weak = truth + rng.normal(0, 1.0, len(truth))
    span = np.arange(len(truth)) % 2
    moved = truth + 5.0 * span

    apart = choice.compare_within(outcome, moved, weak, span)
    half = choice.compare(outcome[span == 0], truth[span == 0], weak[span == 0])

    assert apart == choice.compare_within(outcome, truth, weak, span)
    assert apart.high - apart.low < 0.8 * (half.high - half.low)
    assert choice.choose(outcome, {"scorecard": weak, "boosting": moved}, span)[0] == "boosting"


def test_a_lone_challenger_is_chosen():
    """One kind needs no comparison."""
    _, truth, outcome = draw(100)

    assert choice.choose(outcome, {"boosting": truth}) == (
        "boosting",
        "boosting is the only challenger",
    )
