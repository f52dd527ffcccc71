from __future__ import annotations

import numpy as np
import pytest

from solvencia import bootstrap, evaluate, ranking


@pytest.fixture
def scored():
    """800 outcomes and probabilities with many ties."""
    rng = np.random.default_rng(3)
    pd = np.round(rng.beta(1, 6, 800), 2).clip(0.01, 0.99)
    return (rng.random(800) < pd).astype(float), pd


def integrate_loss(outcome, pd) -> float:
    """H by brute force: the least loss over every cut-off, at 20,000 cost shares."""
    costs = (np.arange(20_000) + 0.5) / 20_000
    weights = 6 * costs * (1 - costs)
    rows = len(pd)
    cuts = [np.inf, *np.unique(pd)]
    losses = [
        costs * np.sum((pd < cut) & (outcome == 1)) / rows
        + (1 - costs) * np.sum((pd >= cut) & (outcome == 0)) / rows
        for cut in cuts
    ]
    blind = np.minimum(costs * outcome.mean(), (1 - costs) * (1 - outcome.mean()))
    return 1 - np.sum(np.min(losses, axis=0) * weights) / np.sum(blind * weights)


def test_the_h_measure_is_that_of_brute_force(scored):
    """The closed form over the hull equals integrating the least loss over all costs."""
    outcome, pd = scored

    assert ranking.h_measure(outcome, pd) == pytest.approx(integrate_loss(outcome, pd), abs=1e-6)
    flipped = ranking.h_measure(outcome, 1 - pd)
    assert flipped == pytest.approx(integrate_loss(outcome, 1 - pd), abs=1e-6)


def test_the_h_measure_has_its_ends():
    """A perfect score has 1, a constant one 0."""
    outcome = np.array([0.0, 0.0, 1.0, 0.0, 1.0])

    assert ranking.h_measure(outcome, np.array([0.1, 0.2, 0.8, 0.3, 0.9])) == pytest.approx(1)
    assert ranking.h_measure(outcome, np.full(5, 0.4)) == pytest.approx(0, abs=1e-12)


def test_gains_by_hand():
    """Ten applicants, three bad, two of them in the riskiest fifth."""
    pd = np.arange(10, 0, -1) / 20
    outcome = np.array([1.0, 1, 0, 0, 1, 0, 0, 0, 0, 0])

    gains = ranking.tabulate_gains(outcome, pd)

    assert [each.depth for each in gains] == pytest.approx(np.arange(1, 11) / 10)
    assert gains[0].lift == pytest.approx(10 / 3)
    assert gains[1].bads_captured == pytest.approx(2 / 3)
    assert gains[1].bad_rate == pytest.approx(1)
    assert gains[1].pd_min == 0.45
    assert gains[4].goods_captured == pytest.approx(2 / 7)
    assert (gains[9].lift, gains[9].bads_captured, gains[9].goods_captured) == (1, 1, 1)


def test_ties_share_the_lift():
    """Equal scores have a lift of 1 at every depth, whatever the order of the rows."""
    outcome = np.array([1.0] * 4 + [0.0] * 16)

    found = [each.lift for each in ranking.tabulate_gains(outcome, np.full(20, 0.2))]

    assert found == pytest.approx([1.0] * 10)


def test_the_bootstrap_is_that_of_drawing_rows(scored):
    """Counting draws per distinct PD gives what measuring each drawn sample gives."""
    outcome, pd = scored
    bad, good = pd[outcome == 1], pd[outcome == 0]
    rng = np.random.default_rng(5)
    samples = []
    for _ in range(40):
        drawn_bad = bad[rng.integers(0, len(bad), len(bad))]
        drawn_good = good[rng.integers(0, len(good), len(good))]
        sample = np.concatenate([drawn_bad, drawn_good])
        label = np.repeat([1.0, 0.0], [len(bad), len(good)])
        measured = evaluate.measure(label, sample)
        lift = ranking.tabulate_gains(label, sample)[0].lift
        h_measure = ranking.h_measure(label, sample)
        samples.append([measured.auc, measured.ks, measured.brier, h_measure, lift])
    expected = np.quantile(samples, (0.025, 0.975), axis=0).T

    found = bootstrap.intervals(outcome, pd, rounds=40, seed=5)

    for name, bounds in zip(("auc", "ks", "brier", "h_measure", "lift_10"), expected, strict=True):
        assert found[name] == pytest.approx(tuple(bounds), abs=1e-12)


def test_the_bootstrap_repeats_and_agrees_with_delong(scored):
    """The same data give the same intervals; the AUC's is as wide as DeLong's."""
    outcome, pd = scored
    measured = evaluate.measure(outcome, pd)

    found = bootstrap.intervals(outcome, pd)

    assert found == bootstrap.intervals(outcome, pd)
    low, high = found["auc"]
    assert high - low == pytest.approx(measured.auc_high - measured.auc_low, rel=0.15)
    assert low < measured.auc < high


def test_the_ece_s_interval_holds_the_measured_one(scored):
    """Drawing anew adds gaps of its own; the interval is free of them."""
    outcome, pd = scored

    low, high = bootstrap.intervals(outcome, pd)["ece"]

    assert 0 <= low < evaluate.measure(outcome, pd).ece < high < 0.2
