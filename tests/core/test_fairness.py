from __future__ import annotations

import numpy as np
import pytest

from solvencia import fairness, features
from solvencia.portfolio import Field

AGE = Field("age_years", "protected", "integer", "years", bands=(25, 35, 62))


def groups_of(field: Field, values: list[float]) -> dict[str, list[int]]:
    found = fairness.group(field, np.array(values))
    return {name: np.flatnonzero(chosen).tolist() for name, chosen in found}


def test_bands_start_at_their_edge():
    """Declared bands name whole years; a missing age is a group of its own."""
    found = groups_of(AGE, [24, 25, 34, 35, 61, 62, 90, np.nan])

    assert found == {
        "under 25": [0],
        "25-34": [1, 2],
        "35-61": [3, 4],
        "62+": [5, 6],
        "not recorded": [7],
    }


def test_groups_without_bands():
    """Few values group by value, many by quartile, a text by category."""
    few = Field("children", "protected", "integer")
    many = Field("height", "protected", "number")
    text = Field("sex", "protected", "text", categories=("woman", "man"))

    assert groups_of(few, [2, 0, 2, np.nan]) == {"0": [1], "2": [0, 2], "not recorded": [3]}
    assert groups_of(many, [1, 2, 3, 4, 5, 6, 7, 8]) == {
        "under 2": [0],
        "2 to under 4": [1, 2],
        "4 to under 6": [3, 4],
        "6+": [5, 6, 7],
        "not recorded": [],
    }
    assert groups_of(text, [1, 0, np.nan]) == {"woman": [1], "man": [0], "not recorded": [2]}


def test_an_audit_by_hand():
    """Two groups of 100 and a small one: ratios against the one most often approved."""
    values = np.repeat([20.0, 30.0, np.nan], [100, 100, 4])
    outcome = np.concatenate([np.tile([1.0, 0, 0, 0], 25), np.tile([1.0] + [0.0] * 9, 10), [0] * 4])
    approved = np.concatenate([np.tile([False, True, True, False], 25), np.tile([True] * 4 + [False], 20), [True] * 4])  # fmt: skip  # noqa: E501
    pd = np.concatenate([np.full(100, 0.2), np.tile([0.3, 0.1], 50), np.full(4, 0.01)])

    audit = fairness.audit(AGE, values, outcome, pd, approved)

    young, older, missing = audit.groups
    assert (audit.reference, [each.rows for each in audit.groups]) == ("25-34", [100, 100, 4])
    assert (young.approval_rate, older.approval_rate, missing.approval_rate) == (0.5, 0.8, 1)
    assert young.impact_ratio == pytest.approx(0.5 / 0.8)
    assert young.opportunity == pytest.approx(50 / 75)
    assert older.opportunity == pytest.approx(70 / 90)
    assert young.opportunity_difference == pytest.approx(50 / 75 - 70 / 90)
    assert (older.mean_pd, older.bad_rate) == (pytest.approx(0.2), 0.1)
    assert (young.auc, missing.auc) == (0.5, None)
    assert [each.is_small for each in audit.groups] == [False, False, True]
    assert audit.impact_ratio_min == pytest.approx(0.625)
    assert audit.opportunity_difference_max == pytest.approx(70 / 90 - 50 / 75)


def test_nobody_approved_has_no_ratio():
    """Where no group has an approval the ratio is absent, not a division by zero."""
    outcome = np.tile([1.0, 0.0], 100)
    values = np.repeat([20.0, 30.0], 100)

    audit = fairness.audit(AGE, values, outcome, np.full(200, 0.9), np.zeros(200, dtype=bool))

    assert audit.impact_ratio_min is None
    assert audit.opportunity_difference_max == 0


def test_protected_values_do_not_reach_the_model(consumer_credit, splits):
    """With the protected columns at hand, the matrix is the same and asking for one is refused."""
    test = splits["test"]
    without = {name: each for name, each in test.items() if name != "age_years"}

    matrix = features.build(consumer_credit, test)

    np.testing.assert_array_equal(matrix, features.build(consumer_credit, without))
    with pytest.raises(features.NotAFeature, match="age_years"):
        features.build(consumer_credit, test, ["age_years"])
