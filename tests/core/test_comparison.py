from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from solvencia import comparison, features


@pytest.fixture
def scored():
    """2,000 outcomes, a good score and one that is the same with noise; both have ties."""
    rng = np.random.default_rng(21)
    good = np.round(rng.beta(1, 5, 2000), 2)
    worse = np.round(np.clip(good + rng.normal(0, 0.15, 2000), 0, 1), 2)
    return (rng.random(2000) < good).astype(float), good, worse


def test_the_difference_is_that_of_the_aucs(scored):
    """The difference agrees with an independent implementation, ties included, and repeats."""
    outcome, good, worse = scored

    found = comparison.subtract(outcome, good, worse)

    expected = roc_auc_score(outcome, good) - roc_auc_score(outcome, worse)
    assert found.difference == pytest.approx(expected, abs=1e-12)
    assert found.low < found.difference < found.high
    assert found.low > 0
    assert found == comparison.subtract(outcome, good, worse)


def test_pairing_narrows_the_interval(scored):
    """Drawing the same rows for both gives a narrower interval than two separate draws would."""
    outcome, good, worse = scored
    found = comparison.subtract(outcome, good, worse)
    rng = np.random.default_rng(1)
    apart = []
    for _ in range(300):
        rows, others = rng.integers(0, 2000, (2, 2000))
        first = roc_auc_score(outcome[rows], good[rows])
        apart.append(first - roc_auc_score(outcome[others], worse[others]))

    low, high = np.quantile(apart, (0.025, 0.975))
    assert found.high - found.low < 0.8 * (high - low)


def test_a_score_does_not_differ_from_itself(scored):
    """Equal rankings, also on another scale, have a difference of exactly 0."""
    outcome, good, _ = scored

    found = comparison.subtract(outcome, good, good**3)

    assert (found.difference, found.low, found.high) == (0.0, 0.0, 0.0)


def compare(consumer_credit, splits, small_model, champion):
    test = splits["test"]
    pd = small_model.predict(features.build(consumer_credit, test, small_model.features))
    return comparison.compare(consumer_credit, test, small_model, pd, champion)


def test_a_champion_with_a_lost_feature_is_named(consumer_credit, splits, small_model):
    """A champion that reads what the cleaned data no longer have is not scored, and says so."""
    names = (*small_model.features[:-1], "postcode_risk")
    champion = replace(small_model, features=names, period="2026-09")

    found = compare(consumer_credit, splits, small_model, champion)

    assert found.champion_pd is None
    assert found.champion["difference"] is None
    assert "postcode_risk" in found.champion["note"]


def test_a_champion_of_other_rules_is_scored_with_a_note(consumer_credit, splits, small_model):
    """Another fingerprint does not hinder the comparison; the page warns of it."""
    champion = replace(small_model, fingerprint="older")

    found = compare(consumer_credit, splits, small_model, champion)

    assert found.champion["difference"] == 0.0
    assert "other rules" in found.champion["note"]


def test_a_champion_of_a_newer_period_is_scored_with_a_note(consumer_credit, splits, small_model):
    """An older month is built beside a model that may know its test: the page says so."""
    newer, older = (
        compare(consumer_credit, splits, small_model, replace(small_model, period=each))
        for each in ("2099-01", "2000-01")
    )

    assert "newer period" in newer.champion["note"]
    assert older.champion["note"] == ""


def test_challengers_are_measured_out_of_time(consumer_credit, splits, small_model):
    """Kinds that the artefact keeps have a test AUC; others only what the choice was made by."""
    rows = [
        {"kind": kind, "auc": 0.8, "log_loss": 0.2, "is_chosen": kind == small_model.kind}
        for kind in ("other", small_model.kind, "lost")
    ]
    model = replace(
        small_model,
        challengers={"other": replace(small_model, kind="other", challengers={})},
        selection={"challengers": rows, "reason": "it ranks better", "reduction": None},
    )

    found = compare(consumer_credit, splits, model, None)

    other, chosen, lost = found.challengers
    assert found.champion is None
    assert set(found.scored) == {"other", small_model.kind}
    assert other["test_auc"] == chosen["test_auc"] > 0.6
    assert lost["test_auc"] is None
    assert [each["is_chosen"] for each in found.challengers] == [False, True, False]
