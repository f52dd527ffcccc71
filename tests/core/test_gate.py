from __future__ import annotations

from dataclasses import replace

import pytest

from solvencia import gate
from solvencia.gate import refusals

FEATURES = ("revolving_utilisation_ratio", "debt_ratio")


def of(consumer_credit, **changes):
    """Metrics of a good model, some of them changed."""
    return {
        "auc": 0.86,
        "ks": 0.57,
        "brier": 0.049,
        "ece": 0.006,
        "rows": 21_920,
        "psi": 0.002,
        "csi": dict.fromkeys(FEATURES, 0.003),
        "leakage": dict.fromkeys(FEATURES, 0.7),
        "drift": {
            "score": {"bin": "above 689 up to 702", "train_share": 0.1, "test_share": 0.31},
            "features": {
                "debt_ratio": {"bin": "missing", "train_share": 0.02, "test_share": 0.4},
            },
        },
        "fairness": {
            "attributes": {
                "age_years": {
                    "impact_ratio_min": 0.78,
                    "impact_ratio_group": "under 25",
                    "opportunity_difference_max": 0.17,
                    "opportunity_group": "25-34",
                }
            }
        },
        "champion": None,
        "monotone": {"checked": ["revolving_utilisation_ratio"], "broken": {}},
        "model": {"fingerprint": consumer_credit.fingerprint},
    } | changes


def age(metrics, **changes):
    """The same metrics with other figures of the age groups."""
    known = metrics["fairness"]["attributes"]["age_years"]
    return metrics | {"fairness": {"attributes": {"age_years": known | changes}}}


def champion(low, high):
    return {
        "digest": "4061e736b90e5fd1",
        "kind": "boosting",
        "period": "2026-09",
        "auc": 0.87,
        "difference": (low + high) / 2,
        "low": low,
        "high": high,
        "note": "",
    }


def test_a_good_model_passes(consumer_credit):
    """Metrics within every bound give no refusal, also right on the bound."""
    bound = consumer_credit.gate
    on_bound = {
        "auc": bound.auc_min,
        "ks": bound.ks_min,
        "brier": bound.brier_max,
        "ece": bound.ece_max,
        "rows": bound.rows_min,
        "psi": bound.psi_max,
        "csi": {"debt_ratio": bound.csi_max},
        "leakage": {"debt_ratio": bound.feature_auc_max},
    }

    assert refusals(of(consumer_credit), consumer_credit) == []
    assert refusals(of(consumer_credit, **on_bound), consumer_credit) == []


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"auc": 0.7512}, "auc 0.7512 is below auc_min 0.8: look for features"),
        ({"ks": 0.3}, "ks 0.3 is below ks_min 0.45: look at"),
        ({"brier": 0.07}, "brier 0.07 is above brier_max 0.055: look at"),
        ({"ece": 0.031}, "ece 0.031 is above ece_max 0.02: the probabilities do not hold"),
        ({"rows": 4999}, "rows 4999 is below rows_min 5000: bring more matured history"),
        (
            {"psi": 0.4},
            "psi of the score 0.4 is above psi_max 0.25, most of all above 689 up to 702 "
            "(10.0 % in training, 31.0 % now): find the feature",
        ),
        (
            {"csi": {"debt_ratio": 0.5, "revolving_utilisation_ratio": 0.1}},
            "csi of debt_ratio 0.5 is above csi_max 0.25, most of all missing "
            "(2.0 % in training, 40.0 % now): ask its source",
        ),
        (
            {"leakage": {"debt_ratio": 0.97, "revolving_utilisation_ratio": 0.78}},
            "auc of debt_ratio alone 0.97 is above feature_auc_max 0.85: it may know the outcome",
        ),
        (
            {"monotone": {"checked": [*FEATURES], "broken": {FEATURES[0]: "tree 3: past 0.5"}}},
            "monotone constraint of revolving_utilisation_ratio is broken (tree 3: past 0.5), "
            "declared +1: train again",
        ),
        (
            {"champion": champion(-0.03, -0.01)},
            "auc is 0.0200 below that of champion 4061e736b90e of 2026-09, beyond noise (95 % "
            "interval of the difference -0.0300 to -0.0100, which must reach 0): keep",
        ),
    ],
)
def test_each_breach_is_named_alone(consumer_credit, changes, text):
    """A refusal gives the metric, its value, the bound and what to do, and nothing else breaks."""
    (found,) = refusals(of(consumer_credit, **changes), consumer_credit)

    assert found.startswith(text)


def test_an_unfair_group_is_named(consumer_credit):
    """A refusal names the attribute and the group that fares worst."""
    first = refusals(age(of(consumer_credit), impact_ratio_min=0.6), consumer_credit)
    second = refusals(age(of(consumer_credit), opportunity_difference_max=0.4), consumer_credit)

    assert [each.split(":")[0] for each in (*first, *second)] == [
        "impact ratio of age_years (under 25) 0.6 is below impact_ratio_min 0.7",
        "opportunity difference of age_years (25-34) 0.4 is above opportunity_difference_max 0.25",
    ]


def test_a_champion_within_noise_does_not_refuse(consumer_credit):
    """A new model that is worse by no more than chance passes."""
    metrics = of(consumer_credit, champion=champion(-0.01, 0.001))

    assert refusals(metrics, consumer_credit) == []


def test_a_champion_that_was_not_compared_refuses(consumer_credit):
    """Without an interval nobody knows whether the model is worse; the note is passed on."""
    unread = champion(0, 0) | {"low": None, "high": None, "difference": None, "note": "no income"}
    (text,) = refusals(of(consumer_credit, champion=unread), consumer_credit)

    assert "was not compared (no income)" in text


def test_a_champion_that_could_not_be_read_has_no_name(consumer_credit):
    """Nothing is left blank in the refusal where digest and period are unknown."""
    unread = champion(0, 0) | {"digest": "", "period": "", "low": None, "note": "no whole archive"}
    (text,) = refusals(of(consumer_credit, champion=unread), consumer_credit)

    assert text.startswith("the live champion was not compared (no whole archive): compare")


def test_directions_that_nobody_looked_at_do_not_pass(consumer_credit):
    """A proof without its result is none."""
    (text,) = refusals(of(consumer_credit, monotone={"checked": []}), consumer_credit)

    assert "monotone was not proven" in text


@pytest.mark.parametrize("value", [None, float("nan"), "0.9", True])
@pytest.mark.parametrize("metric", ["auc", "ks", "brier", "ece", "rows", "psi"])
def test_an_unreadable_metric_does_not_pass(consumer_credit, metric, value):
    """A metric that is absent or no number is refused."""
    (text,) = refusals(of(consumer_credit, **{metric: value}), consumer_credit)

    assert "is not a number: evaluate the model again" in text


@pytest.mark.parametrize(
    "metric", ["csi", "leakage", "fairness", "champion", "monotone", "auc", "psi"]
)
def test_an_absent_metric_does_not_pass(consumer_credit, metric):
    """What a rule needs and the metrics lack is refused."""
    metrics = of(consumer_credit)
    del metrics[metric]

    assert refusals(metrics, consumer_credit)


def test_what_is_not_asked_for_does_not_refuse(consumer_credit):
    """A bound that the portfolio leaves out needs no metric, and its check says so."""
    bounds = ("ks_min", "brier_max", "psi_max", "csi_max", "feature_auc_max", "impact_ratio_min")
    free = replace(consumer_credit.gate, **dict.fromkeys(bounds))
    product = replace(consumer_credit, gate=free)
    metrics = of(consumer_credit, ks=None, brier=9.0, psi=None, csi=None, leakage=None)

    found = {each.rule: each for each in gate.checks(metrics, product)}

    assert refusals(metrics, product) == []
    assert not any(found[each].is_asked for each in bounds)
    assert found["champion"].is_asked
    assert found["brier_max"].value == 9.0


def test_a_changed_portfolio_does_not_pass(consumer_credit):
    """A model trained under other rules is refused."""
    (text,) = refusals(of(consumer_credit, model={"fingerprint": "other"}), consumer_credit)

    assert "train again" in text
