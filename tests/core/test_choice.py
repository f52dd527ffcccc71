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
    """Within one standard error of the best the simplest stays, however much another looks better.

    Beyond it the best is taken, though its 95 % interval may still hold 0.
    """
    rng, truth, outcome = draw()
    weak = truth + rng.normal(0, 1.0, len(truth))
    error = choice.compare(outcome, weak + rng.normal(0, 0.3, len(truth)), weak).error
    found = {}
    for seed in range(200):
        noise = np.random.default_rng(seed).normal(0, 0.3, len(truth))
        gain = choice.compare(outcome, weak + noise + 0.03 * truth, weak)
        kind, why = choice.choose(
            outcome, {"scorecard": weak, "boosting": weak + noise + 0.03 * truth}
        )
        found[gain.difference / gain.error] = kind, why

    assert error > 0
    assert all((kind == "boosting") == (size > 1) for size, (kind, _) in found.items())
    below = [why for size, (_, why) in found.items() if 0 < size < 1]
    between = [why for size, (_, why) in found.items() if 1 < size < 1.96]
    assert below
    assert all("a tie, so the simpler scorecard stays" in why for why in below)
    assert between
    assert all("boosting against scorecard: AUC +0." in why for why in between)


def test_the_simplest_of_those_that_tie_is_taken():
    """What ties with the best is taken before it, also when something simpler still does not."""
    rng, truth, outcome = draw()
    weak = truth + rng.normal(0, 1.0, len(truth))
    close = truth + rng.normal(0, 0.001, len(truth))
    best = max((truth, close), key=lambda each: choice.compare(outcome, each, weak).difference)
    other = close if best is truth else truth

    kind, why = choice.choose(outcome, {"scorecard": weak, "boosting": other, "network": best})
    simple, reason = choice.choose(outcome, {"scorecard": truth, "boosting": weak})

    assert kind == "boosting"
    assert why.startswith("network against scorecard: AUC +0.")
    assert "on unseen rows: network is better; network against boosting: AUC +0.0000" in why
    assert why.endswith("a tie, so the simpler boosting stays")
    assert (simple, reason) == (
        "scorecard",
        "scorecard, the simplest, has the highest AUC on unseen rows",
    )


def test_a_blend_must_be_proven_better():
    """Beyond one standard error is not enough for a blend: its 95 % interval must exclude 0."""
    rng, truth, outcome = draw()
    weak = truth + rng.normal(0, 1.0, len(truth))
    found = {}
    for seed in range(200):
        noise = np.random.default_rng(seed).normal(0, 0.3, len(truth))
        blend = weak + noise + 0.03 * truth
        gain = choice.compare(outcome, blend, weak)
        found[gain.difference / gain.error] = choice.choose(
            outcome, {"boosting": weak, "blend": blend}
        )

    between = [found[size] for size in found if 1 < size < 1.9]
    above = [found[size] for size in found if size > 2]
    assert between
    assert above
    assert all(kind == "boosting" for kind, _ in between)
    assert all(why.endswith("not proven, so boosting stays") for _, why in between)
    assert all(kind == "blend" for kind, _ in above)


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
