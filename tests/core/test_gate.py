from __future__ import annotations

import pytest

from solvencia.gate import refusals

GOOD = {"auc": 0.86, "ece": 0.006, "rows": 21_920}


def of(consumer_credit, **changes):
    return GOOD | {"model": {"fingerprint": consumer_credit.fingerprint}} | changes


def test_a_good_model_passes(consumer_credit):
    """Metrics within every bound give no refusal, also right on the bound."""
    assert refusals(of(consumer_credit), consumer_credit) == []
    assert refusals(of(consumer_credit, auc=0.8, ece=0.02, rows=5000), consumer_credit) == []


def test_every_breach_is_named(consumer_credit):
    """Each refusal gives the metric, its value and the bound."""
    metrics = of(consumer_credit, auc=0.7512, ece=0.031, rows=4999)

    assert refusals(metrics, consumer_credit) == [
        "auc 0.7512 is below auc_min 0.8",
        "ece 0.031 is above ece_max 0.02",
        "rows 4999 is below rows_min 5000",
    ]


@pytest.mark.parametrize("value", [None, float("nan"), "0.9", True])
def test_an_unreadable_metric_does_not_pass(consumer_credit, value):
    """A metric that is absent or no number is refused."""
    (text,) = refusals(of(consumer_credit, auc=value), consumer_credit)

    assert "auc is not a number" in text


def test_a_changed_portfolio_does_not_pass(consumer_credit):
    """A model trained under other rules is refused."""
    (text,) = refusals(of(consumer_credit, model={"fingerprint": "other"}), consumer_credit)

    assert "train again" in text
