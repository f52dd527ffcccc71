"""One fault at a time goes through training and evaluation; the gate names it and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import PERIOD, make_prepared

from solvencia import comparison, evaluate, features, report, training
from solvencia.clean import clean
from solvencia.portfolio import Fairness, Gate
from solvencia.split import assign

ROWS = 8000
SMALL = {"num_leaves": 5, "rounds_max": 40, "learning_rate": 0.2}
BOUNDS = Gate(
    auc_min=0.65,
    ece_max=0.06,
    rows_min=1500,
    ks_min=0.25,
    brier_max=0.2,
    psi_max=0.25,
    csi_max=0.25,
    feature_auc_max=0.9,
    impact_ratio_min=0.75,
    opportunity_difference_max=0.2,
)


@pytest.fixture(scope="module")
def product(consumer_credit):
    """The sample portfolio with bounds that fit made-up applications."""
    return replace(consumer_credit, gate=BOUNDS, fairness=Fairness(approve_points=500))


def split(product, prepared):
    columns = clean(product, prepared).columns
    places = assign(product, PERIOD, columns["application_id"], columns["applied_on"])
    return {
        name: {key: values[places == name] for key, values in columns.items()}
        for name in ("train", "validation", "test")
    }


def train(product, parts, **hyperparameters):
    given = SMALL | hyperparameters
    return training.train(product, PERIOD, parts["train"], parts["validation"], given)


def judge(product, parts, model, champion=None):
    """Evaluate as the container does; return what the gate says."""
    test = parts["test"]
    pd = model.predict(features.build(product, test, model.features))
    measured = evaluate.measure(test["is_seriously_delinquent"], pd)
    compared = comparison.compare(product, test, model, pd, champion)
    return report.build(product, model, measured, pd, test, compared, parts["train"])["refusals"]


@pytest.fixture(scope="module")
def sound(product):
    """Applications without a fault, in their splits, and the model of them."""
    parts = split(product, make_prepared(ROWS, seed=3))
    return parts, train(product, parts)


def draw_outcome(prepared, log_odds, seed=5):
    chance = np.random.default_rng(seed).random(ROWS)
    return prepared | {
        "is_seriously_delinquent": (chance < 1 / (1 + np.exp(-log_odds))).astype(int)
    }


def test_a_sound_model_passes(product, sound):
    """Without a fault nothing is refused."""
    assert judge(product, *sound) == []


def test_a_shifted_feature_is_refused(product, sound):
    """Incomes in another unit: the gate names the feature and the bin that grew."""
    parts, model = sound
    test = parts["test"]
    shifted = test | {"monthly_income_usd": test["monthly_income_usd"] * 3}
    (text,) = judge(product, parts | {"test": shifted}, model)

    assert text.startswith("csi of monthly_income_usd ")
    assert "above csi_max 0.25, most of all above " in text


def test_a_shifted_population_is_refused(product, sound):
    """Mostly risky applicants, though their PDs hold: the score's drift is named."""
    parts, model = sound
    test = parts["test"]
    rng = np.random.default_rng(7)
    weight = 0.05 + np.nan_to_num(test["revolving_utilisation_ratio"])
    drawn = rng.choice(len(weight), len(weight), p=weight / weight.sum())
    shifted = {name: values[drawn] for name, values in test.items()}
    texts = judge(product, parts | {"test": shifted}, model)

    assert [each.split(" is ")[0].rsplit(" ", 1)[0] for each in texts] == [
        "psi of the score",
        "csi of revolving_utilisation_ratio",
    ]


def test_a_leak_of_the_label_is_refused(product):
    """A feature that is the label with noise is named, and that it may know the outcome."""
    prepared = make_prepared(ROWS, seed=3)
    rng = np.random.default_rng(9)
    is_bad = prepared["is_seriously_delinquent"].astype(bool)
    lines = np.where(is_bad, rng.poisson(16, ROWS), rng.poisson(5, ROWS))
    parts = split(product, prepared | {"open_credit_lines_count": lines})
    (text,) = judge(product, parts, train(product, parts))

    assert text.startswith("auc of open_credit_lines_count alone 0.9")
    assert "it may know the outcome" in text


def test_an_unfair_feature_is_refused(product):
    """A feature that stands in for age: attribute and group are named, and age is no feature."""
    prepared = make_prepared(ROWS, seed=3)
    is_young = prepared["age_years"] < 35
    log_odds = -4 + 2.5 * prepared["revolving_utilisation_ratio"] + 2.5 * is_young
    prepared = draw_outcome(prepared, log_odds)
    parts = split(product, prepared | {"real_estate_loans_count": np.where(is_young, 0, 3)})
    texts = judge(product, parts, train(product, parts))

    assert len(texts) == 2
    assert texts[0].startswith("impact ratio of age_years (")
    assert texts[1].startswith("opportunity difference of age_years (")
    assert all("(under 25)" in each or "(25-34)" in each for each in texts)


def test_a_miscalibrated_model_is_refused(product, sound):
    """Log-odds moved by 1: the model ranks as before, and its calibration is named."""
    parts, model = sound
    moved = replace(model, intercept=model.intercept + 1.0)
    (text,) = judge(product, parts, moved)

    assert text.startswith("ece 0.")
    assert "is above ece_max 0.06: the probabilities do not hold" in text


def test_a_broken_direction_is_refused(product):
    """A model fitted without the constraint to data that bend is named with the feature."""
    prepared = make_prepared(ROWS, seed=3)
    ratio = prepared["revolving_utilisation_ratio"]
    parts = split(product, draw_outcome(prepared, -1 - 4 * ratio * (1 - ratio) * 2))
    free = {name: replace(each, monotone=0) for name, each in product.fields.items()}
    model = train(replace(product, fields=free), parts)
    texts = judge(product, parts, model)

    assert texts
    assert all(each.startswith("monotone constraint of ") for each in texts)
    assert "revolving_utilisation_ratio is broken" in texts[0]


def test_a_worse_model_than_the_champion_is_refused(product, sound):
    """Trained on a lost feature, the model is compared on the same rows, and the champion named."""
    parts, champion = sound
    lost = {
        name: columns | {"revolving_utilisation_ratio": np.zeros(len(columns["debt_ratio"]))}
        for name, columns in parts.items()
    }
    model = train(product, lost)
    (text,) = judge(replace(product, gate=replace(BOUNDS, ks_min=None)), parts, model, champion)

    assert text.startswith("auc is 0.")
    assert f"below that of champion {champion.digest[:12]} of {PERIOD}, beyond noise" in text
    assert judge(product, parts, champion, model) == []
