from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score, roc_curve

from solvencia import evaluate, plots
from solvencia.portfolio import Scaling


@pytest.fixture
def scored():
    """3,000 outcomes and probabilities with many ties."""
    rng = np.random.default_rng(11)
    pd = np.round(rng.beta(1, 6, 3000), 2).clip(0.01, 0.99)
    return (rng.random(3000) < pd).astype(float), pd


def test_metrics_agree_with_scikit_learn(scored):
    """AUC, Gini, KS and Brier are those of an independent implementation, ties included."""
    outcome, pd = scored
    false_rate, true_rate, _ = roc_curve(outcome, pd, drop_intermediate=False)

    found = evaluate.measure(outcome, pd)

    assert found.auc == pytest.approx(roc_auc_score(outcome, pd), abs=1e-12)
    assert found.gini == pytest.approx(2 * roc_auc_score(outcome, pd) - 1, abs=1e-12)
    assert found.ks == pytest.approx(np.max(true_rate - false_rate), abs=1e-12)
    assert found.brier == pytest.approx(brier_score_loss(outcome, pd), abs=1e-12)
    assert (found.rows, found.bads) == (3000, int(outcome.sum()))


def test_the_interval_is_that_of_a_bootstrap(scored):
    """DeLong's 95 % interval has the width that resampling the applications gives."""
    outcome, pd = scored
    rng = np.random.default_rng(2)
    samples = []
    for _ in range(400):
        rows = rng.integers(0, 3000, 3000)
        samples.append(roc_auc_score(outcome[rows], pd[rows]))

    found = evaluate.measure(outcome, pd)

    width = 2 * 1.96 * np.std(samples)
    assert found.auc_high - found.auc_low == pytest.approx(width, rel=0.15)
    assert found.auc_low < found.auc < found.auc_high


def test_calibration_error_by_hand():
    """Ten bins of two: each bin's gap between mean PD and bad rate, weighted by rows."""
    pd = np.repeat(np.arange(1, 11) / 20, 2)
    outcome = np.tile([0.0, 1.0], 10)

    found = evaluate.measure(outcome, pd)

    assert found.ece == pytest.approx(np.mean([0.5 - place / 20 for place in range(1, 11)]))
    assert found.auc == 0.5


@pytest.mark.parametrize("outcome", [[], [0.0, 0.0], [1.0, 1.0]])
def test_one_outcome_cannot_be_measured(outcome):
    """Without both outcomes there is no metric, and the error says what to do."""
    with pytest.raises(evaluate.UnmeasurableData, match="need both outcomes"):
        evaluate.measure(np.array(outcome), np.full(len(outcome), 0.1))


def test_plots_are_pictures_and_repeat(scored, tmp_path):
    """Four PNG files are drawn; drawing again gives the same bytes."""
    outcome, pd = scored
    contributions = np.random.default_rng(4).normal(size=(50, 3))
    drawn = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        drawn = plots.draw(
            tmp_path / name,
            title="Cards",
            metrics=evaluate.measure(outcome, pd),
            outcome=outcome,
            pd=pd,
            scaling=Scaling(points=600, odds=20, pdo=40),
            names=["utilisation_ratio", "debt_ratio", "income_usd"],
            contributions=contributions,
        )

    assert drawn == ["roc.png", "calibration.png", "scores.png", "contributions.png"]
    for each in drawn:
        body = (tmp_path / "a" / each).read_bytes()
        assert body.startswith(b"\x89PNG")
        assert len(body) > 10_000
        assert body == (tmp_path / "b" / each).read_bytes()
