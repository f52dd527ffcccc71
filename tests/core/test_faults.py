"""One fault at a time goes through training and evaluation; the gate names it and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import PERIOD
from faulty import (
    BOUNDS,
    Trial,
    bend,
    favour,
    fit_bounds,
    leak,
    make_sound,
    miscalibrate,
    shift,
    train,
)

from solvencia import comparison, evaluate, features, report


@pytest.fixture(scope="module")
def product(consumer_credit):
    """The sample portfolio with bounds that fit made-up applications."""
    return fit_bounds(consumer_credit)


def judge(product, trial, champion=None):
    """Evaluate as the container does; return what the gate says."""
    parts, model = trial.parts, trial.model
    test = parts["test"]
    pd = model.predict(features.build(product, test, model.features))
    measured = evaluate.measure(test["is_seriously_delinquent"], pd)
    compared = comparison.compare(product, test, model, pd, champion)
    return report.build(product, model, measured, pd, test, compared, parts["train"])["refusals"]


@pytest.fixture(scope="module")
def sound(product):
    """Applications without a fault, in their splits, and the model of them."""
    return make_sound(product)


def test_a_sound_model_passes(product, sound):
    """Without a fault nothing is refused."""
    assert judge(product, sound) == []


def test_a_shifted_feature_is_refused(product, sound):
    """Incomes in another unit: the gate names the feature and the bin that grew."""
    (text,) = judge(product, shift(product, sound))

    assert text.startswith("csi of monthly_income_usd ")
    assert "above csi_max 0.25, most of all above " in text


def test_a_shifted_population_is_refused(product, sound):
    """Mostly risky applicants, though their PDs hold: the score's drift is named."""
    test = sound.parts["test"]
    rng = np.random.default_rng(7)
    weight = 0.05 + np.nan_to_num(test["revolving_utilisation_ratio"])
    drawn = rng.choice(len(weight), len(weight), p=weight / weight.sum())
    shifted = {name: values[drawn] for name, values in test.items()}
    texts = judge(product, Trial({**sound.parts, "test": shifted}, sound.model))

    assert [each.split(" is ")[0].rsplit(" ", 1)[0] for each in texts] == [
        "psi of the score",
        "csi of revolving_utilisation_ratio",
    ]


def test_a_leak_of_the_label_is_refused(product, sound):
    """A feature that is the label with noise is named, and that it may know the outcome."""
    (text,) = judge(product, leak(product, sound))

    assert text.startswith("auc of open_credit_lines_count alone 0.9")
    assert "it may know the outcome" in text


def test_an_unfair_feature_is_refused(product, sound):
    """A feature that stands in for age: attribute and group are named, and age is no feature."""
    texts = judge(product, favour(product, sound))

    assert len(texts) == 2
    assert texts[0].startswith("impact ratio of age_years (")
    assert texts[1].startswith("opportunity difference of age_years (")
    assert all("(under 25)" in each or "(25-34)" in each for each in texts)


def test_a_miscalibrated_model_is_refused(product, sound):
    """Log-odds moved by 1: the model ranks as before, and its calibration is named."""
    (text,) = judge(product, miscalibrate(product, sound))

    assert text.startswith("ece 0.")
    assert "is above ece_max 0.06: the probabilities do not hold" in text


def test_a_broken_direction_is_refused(product, sound):
    """A model fitted without the constraint to data that bend is named with the feature."""
    texts = judge(product, bend(product, sound))

    assert texts
    assert all(each.startswith("monotone constraint of ") for each in texts)
    assert "revolving_utilisation_ratio is broken" in texts[0]


def test_a_worse_model_than_the_champion_is_refused(product, sound):
    """Trained on a lost feature, the model is compared on the same rows, and the champion named."""
    parts, champion = sound.parts, sound.model
    lost = {
        name: columns | {"revolving_utilisation_ratio": np.zeros(len(columns["debt_ratio"]))}
        for name, columns in parts.items()
    }
    trial = Trial(parts, train(product, lost))
    (text,) = judge(replace(product, gate=replace(BOUNDS, ks_min=None)), trial, champion)

    assert text.startswith("auc is 0.")
    assert f"below that of champion {champion.digest[:12]} of {PERIOD}, beyond noise" in text
    assert judge(product, sound, trial.model) == []
