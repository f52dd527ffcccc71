from __future__ import annotations

import numpy as np
import pytest
from conftest import PERIOD, make_prepared

from solvencia import features, reject_inference, training
from solvencia.clean import clean
from solvencia.scorecard import to_pd
from solvencia.split import assign

ROWS = 16_000
SMALL = {"num_leaves": 5, "rounds_max": 60, "learning_rate": 0.15}
LABEL = "is_seriously_delinquent"


@pytest.fixture(scope="module")
def decided(consumer_credit):
    """Applications of known outcome, and which of them a former lender declined.

    It declined by utilisation, and by a letter from the branch that no field records and that
    doubles the odds of default twice over.
    """
    rng = np.random.default_rng(41)
    prepared = make_prepared(ROWS, seed=40)
    use = prepared["revolving_utilisation_ratio"]
    has_letter = rng.random(ROWS) < 0.35
    log_odds = -3.2 + 2.5 * use + np.log(4) * has_letter
    is_bad = rng.random(ROWS) < 1 / (1 + np.exp(-log_odds))
    columns = clean(consumer_credit, prepared | {LABEL: is_bad.astype(int)}).columns
    is_declined = (has_letter & (rng.random(ROWS) < 0.9)) | (use > 0.8)
    return columns, is_declined


@pytest.fixture(scope="module")
def trained(consumer_credit, decided):
    """Trains on the approved, with the declined added at a factor or left out."""
    columns, is_declined = decided
    split = assign(consumer_credit, PERIOD, columns["application_id"], columns["applied_on"])

    def pick(chosen):
        return {name: values[chosen] for name, values in columns.items()}

    approved = {name: pick((split == name) & ~is_declined) for name in ("train", "validation")}
    declined = {name: pick((split == name) & is_declined) for name in ("train", "validation")}

    def fit(odds_factor=None):
        given = approved
        if odds_factor:
            before = fit()
            given = {
                name: reject_inference.augment(
                    consumer_credit,
                    approved[name],
                    declined[name],
                    before.predict(features.build(consumer_credit, declined[name])),
                    odds_factor,
                )
                for name in approved
            }
        return training.train(consumer_credit, PERIOD, given["train"], given["validation"], SMALL)

    return fit, pick(split == "test"), is_declined[split == "test"]


def error_of(outcome, pd):
    """How far the mean PD lies from what truly happened."""
    return abs(pd.mean() - outcome.mean())


def test_the_right_assumption_mends_the_whole(consumer_credit, trained):
    """The approved alone make all who apply look too safe; a factor near the truth mends most.

    What the report shows: the declined are seen as riskier; the approved keep their ranking and
    pay with higher PDs, as the letter is in no field.
    """
    fit, test, is_declined = trained
    before, after = (
        model.predict(features.build(consumer_credit, test))
        for model in (fit(), fit(odds_factor=3.0))
    )

    effect = reject_inference.measure_effect(
        test[LABEL][~is_declined],
        (before[~is_declined], after[~is_declined]),
        (before[is_declined], after[is_declined]),
        to_pd(consumer_credit.scaling, 500),
    )

    assert before.mean() < test[LABEL].mean() * 0.8
    assert error_of(test[LABEL], after) < error_of(test[LABEL], before) / 2
    assert effect.declined_pd_after > effect.declined_pd_before * 1.3
    assert effect.approved_pd_after > effect.approved_pd_before
    assert effect.auc_after > effect.auc_before - 0.02
    assert effect.swapped_out > 0.02
    assert effect.swapped_in < 0.01


def test_without_an_assumption_nothing_is_learnt(consumer_credit, trained):
    """At a factor of 1 the declined get what the model already believed: their PDs stay."""
    fit, test, is_declined = trained
    pds = [
        each.predict(features.build(consumer_credit, test))[is_declined].mean()
        for each in (fit(), fit(odds_factor=1.0))
    ]

    assert pds[1] == pytest.approx(pds[0], rel=0.1)


def test_outcomes_repeat_and_follow_the_odds():
    """A key has its outcome whatever rows surround it, and rates are the multiplied odds'."""
    keys = np.arange(20_000)
    outcome = reject_inference.parcel(keys, np.full(20_000, 0.2), odds_factor=2.0)

    again = reject_inference.parcel(keys[5000:], np.full(15_000, 0.2), odds_factor=2.0)
    assert outcome.mean() == pytest.approx(0.5 / 1.5, abs=0.01)
    assert (again == outcome[5000:]).all()


def test_an_application_has_one_decision(consumer_credit, decided):
    """A key on both sides is a fault of the query, and the message says how to cure it."""
    columns, _ = decided
    few = {name: values[:5] for name, values in columns.items()}

    with pytest.raises(reject_inference.UninferableData, match="has one decision"):
        reject_inference.augment(consumer_credit, few, few, np.full(5, 0.1))


def test_odds_must_be_positive():
    """A factor of 0 would declare all declined good."""
    with pytest.raises(reject_inference.UninferableData, match="above 0"):
        reject_inference.parcel(np.arange(3), np.full(3, 0.1), odds_factor=0.0)
