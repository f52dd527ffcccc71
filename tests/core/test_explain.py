from __future__ import annotations

import dataclasses
import math
from itertools import combinations

import numpy as np
import pytest

from solvencia import explain, features
from solvencia.scorecard import to_points

KINDS = ("scorecard", "boosting", "blend")


def shapley(model, row) -> list[float]:
    """Shapley values by their definition, over all subsets of the features.

    The value of a subset: the model's log-odds with the row's values in it, the median elsewhere.
    """
    count = len(row)
    subsets = [set(each) for size in range(count + 1) for each in combinations(range(count), size)]
    hybrids = np.array(
        [
            [row[at] if at in each else model.reference_row()[at] for at in range(count)]
            for each in subsets
        ]
    )
    value = dict(zip(map(frozenset, subsets), model.log_odds(hybrids).tolist(), strict=True))
    return [
        sum(
            math.factorial(len(chosen))
            * math.factorial(count - len(chosen) - 1)
            / math.factorial(count)
            * (value[chosen | {each}] - value[chosen])
            for chosen in value
            if each not in chosen
        )
        for each in range(count)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_contributions_add_up(consumer_credit, splits, kinds, kind):
    """A row's contributions and the base are its calibrated log-odds, to 1e-9."""
    matrix = features.build(consumer_credit, splits["test"])

    values, base = explain.contributions(kinds[kind], matrix)

    total = values.sum(axis=1) + base
    np.testing.assert_allclose(total, kinds[kind].log_odds(matrix), rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_contributions_are_shapley_values(consumer_credit, splits, kinds, kind):
    """They equal the definition over all 8,192 subsets, also for rows with missing values."""
    matrix = features.build(consumer_credit, splits["test"])
    rows = np.vstack([matrix[:6], matrix[np.isnan(matrix).sum(axis=1) > 1][:6]])

    values, _ = explain.contributions(kinds[kind], rows)

    for row, found in zip(rows, values, strict=True):
        np.testing.assert_allclose(found, shapley(kinds[kind], row), rtol=0, atol=1e-6)
    assert np.abs(values).max() > 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_reasons_are_what_it_would_take(consumer_credit, splits, kinds, kind):
    """At the median the cited fields raise a declined score more than as many others would."""
    model = kinds[kind]
    matrix = features.build(consumer_credit, splits["test"])
    riskiest = matrix[np.argsort(-model.predict(matrix), kind="stable")[:200]]
    values, _ = explain.contributions(model, riskiest)

    best = 0
    for row, found in zip(riskiest, values, strict=True):
        ranked = explain.rank(consumer_credit, model.features, found)
        cited = {model.features.index(each.field) for each in ranked if each.is_adverse}
        others = [at for at in range(len(row)) if at not in cited]
        moves = [tuple(cited), *combinations(others, min(len(cited), len(others)))]
        moved = np.tile(row, (len(moves), 1))
        for hybrid, move in zip(moved, moves, strict=True):
            hybrid[list(move)] = model.reference_row()[list(move)]
        risk = model.log_odds(moved)
        best += risk[0] <= risk[1:].min(initial=np.inf)

    assert best >= 198


def test_a_neutral_applicant_needs_no_reason(consumer_credit, kinds):
    """Who has the median everywhere gets the base score: all contributions are 0."""
    for model in kinds.values():
        values, base = explain.contributions(model, model.reference_row()[None, :])

        assert not values.any()
        assert 300 < to_points(model.scaling, 1 / (1 + math.exp(-base))) < 900


def test_reasons_are_ranked_with_stable_ties(consumer_credit):
    """The four highest contributions are given; equal ones keep the portfolio's order."""
    names = [each.name for each in consumer_credit.features]
    row = np.array([0.1, 0, 0, 0.5, -2.0, 0, 0, 0.1, 0, 0.1, 0, 0, 0])

    found = explain.rank(consumer_credit, names, row)
    shuffled = explain.rank(consumer_credit, names[::-1], row[::-1])

    assert [each.code for each in found] == ["R03", "R01", "R05", "R07"]
    assert [each.contribution for each in found] == [0.5, 0.1, 0.1, 0.1]
    assert found[0].field == "past_due_60_89_days_count"
    assert shuffled == found


def test_what_may_not_be_cited_is_not(consumer_credit):
    """A field that the portfolio calls not citable is passed over, however much it weighs."""
    hidden = dataclasses.replace(consumer_credit.fields["debt_ratio"], citable=False)
    closed = dataclasses.replace(
        consumer_credit, fields={**consumer_credit.fields, "debt_ratio": hidden}
    )
    names = [each.name for each in consumer_credit.features]
    row = np.where(np.array(names) == "debt_ratio", 3.0, -np.arange(13.0))

    found = explain.rank(closed, names, row)

    assert explain.rank(consumer_credit, names, row)[0].field == "debt_ratio"
    assert [each.code for each in found] == ["R01", "R13", "R02", "R03"]


def test_what_lowers_the_risk_is_not_adverse(consumer_credit):
    """Reasons beyond those that speak against the applicant are marked as not adverse."""
    names = [each.name for each in consumer_credit.features]
    row = np.array([0.4, -0.1, -0.2, 0.0, *[-1.0] * 9])

    found = explain.rank(consumer_credit, names, row)

    assert [each.is_adverse for each in found] == [True, False, False, False]


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_alone_is_explained_as_in_a_batch(consumer_credit, splits, kinds, kind):
    """One application's contributions do not depend on its neighbours."""
    matrix = features.build(consumer_credit, splits["test"])[:50]
    values, base = explain.contributions(kinds[kind], matrix)

    for place in range(50):
        alone, same_base = explain.contributions(kinds[kind], matrix[place : place + 1])
        assert alone.tobytes() == values[place : place + 1].tobytes()
        assert same_base == base
