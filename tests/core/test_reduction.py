from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from solvencia import explain, features, monotone, reduction, training
from solvencia.portfolio import Modelling

QUICK = {"rounds_max": 30, "learning_rate": 0.2, "members": 1, "networks": 1}


def under(portfolio, **rules):
    return dataclasses.replace(portfolio, modelling=Modelling(**rules))


def fit(portfolio, splits):
    return training.train(portfolio, "2026-10", splits["train"], splits["validation"], QUICK)


def reduce(portfolio, splits):
    names = tuple(each.name for each in portfolio.features)
    outcome = splits["train"][portfolio.label.field].astype(float)
    return reduction.reduce(portfolio, names, features.build(portfolio, splits["train"]), outcome)


def test_weak_features_are_dropped(consumer_credit, splits):
    """A feature below iv_min goes, with its value and the bound in the reason."""
    found = reduce(under(consumer_credit, reduction="selection", iv_min=0.02), splits)

    assert "revolving_utilisation_ratio" in found.chosen
    assert "open_credit_lines_count" in found.dropped
    assert "is below 0.02" in found.dropped["open_credit_lines_count"]
    assert set(found.chosen) | set(found.dropped) == {
        each.name for each in consumer_credit.features
    }


def test_of_a_correlated_pair_the_weaker_goes(consumer_credit, splits):
    """Beyond correlation_max the feature with less information value names the one that stays."""
    doubled = dict(splits["train"])
    late = doubled["past_due_30_59_days_count"]
    rng = np.random.default_rng(0)
    doubled["past_due_60_89_days_count"] = np.where(rng.random(len(late)) < 0.05, 0, 2 * late)
    rules = {"iv_min": 0.0, "correlation_max": 0.8}

    found = reduce(under(consumer_credit, reduction="selection", **rules), {"train": doubled})

    assert "past_due_30_59_days_count" in found.chosen
    assert "with past_due_30_59_days_count" in found.dropped["past_due_60_89_days_count"]


def test_the_effect_of_a_selection_is_measured(consumer_credit, splits):
    """The record holds counts, the AUC with and without, and why each feature went."""
    trained = fit(under(consumer_credit, reduction="selection"), splits)

    effect = trained.selection["reduction"]
    assert effect["method"] == "selection"
    assert effect["features_before"] == 13
    assert effect["features_after"] == 13 - len(effect["dropped"]) < 13
    assert effect["auc_before"] == pytest.approx(effect["auc_after"], abs=0.05)
    assert effect["auc_before"] != effect["auc_after"]
    kinds = {trained.kind: trained, **trained.challengers}
    values, _ = explain.contributions(
        kinds["boosting"], features.build(consumer_credit, splits["test"])
    )
    for name in effect["dropped"]:
        assert not values[:, trained.features.index(name)].any()


def test_components_keep_the_share_of_variance(consumer_credit, splits):
    """As few components as hold the share; fields with a direction stay themselves."""
    found = reduce(under(consumer_credit, reduction="pca", variance_share=0.7), splits)

    assert found.chosen == tuple(
        each.name for each in consumer_credit.features if each.monotone or not each.is_numeric
    )
    assert 2 <= len(found.components) < 6
    assert set(found.dropped) == set(found.components[0].fields)
    whole = reduce(under(consumer_credit, reduction="pca", variance_share=1.0), splits)
    assert len(whole.components) == 6


def test_a_model_on_components_is_monotone_and_explained(consumer_credit, splits):
    """Directions hold beside components, and contributions stay on raw features and add up."""
    product = under(consumer_credit, reduction="pca", variance_share=0.7)
    trained = fit(product, splits)
    matrix = features.build(product, splits["test"])[:20]

    for each in (trained, *trained.challengers.values()):
        assert monotone.find_breaks(each, product) == {}
        values, base = explain.contributions(each, matrix)
        np.testing.assert_allclose(values.sum(axis=1) + base, each.log_odds(matrix), atol=1e-9)
        assert np.abs(values[:, each.features.index("debt_ratio")]).max() > 0
    assert trained.selection["reduction"]["method"] == "pca"
    assert trained.selection["reduction"]["features_after"] < 13


def test_components_need_two_numbers(cards):
    """A portfolio without two free numbers is refused with the way out."""
    product = under(cards, reduction="pca")

    with pytest.raises(reduction.IrreducibleFeatures, match=r"has 1 number.*use \"selection\""):
        reduction.reduce(product, ("housing", "years_at_address"), np.zeros((9, 2)), np.zeros(9))
