from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from solvencia import explain, features


def expect(node, row, known) -> float:
    """A tree's value when only `known` features are: elsewhere by the share of training rows."""
    if "leaf_value" in node:
        return node["leaf_value"]
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        value = row[node["split_feature"]]
        if math.isnan(value) and node["missing_type"] == "NaN":
            goes_left = node["default_left"]
        else:
            goes_left = (0.0 if math.isnan(value) else value) <= node["threshold"]
        return expect(left if goes_left else right, row, known)
    weights = [each.get("leaf_count", each.get("internal_count")) for each in (left, right)]
    return sum(
        weight * expect(child, row, known)
        for weight, child in zip(weights, (left, right), strict=True)
    ) / sum(weights)


def shapley(trees, row, count: int) -> list[float]:
    """Shapley values by their definition, over all subsets of the features."""
    value = {
        chosen: sum(expect(tree, row, chosen) for tree in trees)
        for size in range(count + 1)
        for chosen in map(frozenset, combinations(range(count), size))
    }
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


def test_contributions_add_up(consumer_credit, splits, small_model):
    """A row's contributions and the base are its calibrated log-odds, to 1e-9."""
    matrix = features.build(consumer_credit, splits["test"])

    values, base = explain.contributions(small_model, matrix)

    total = values.sum(axis=1) + base
    np.testing.assert_allclose(total, small_model.log_odds(matrix), rtol=0, atol=1e-9)


def test_contributions_are_shapley_values(consumer_credit, splits, small_model):
    """They equal the definition over all 1,024 subsets, also for a row with missing values."""
    matrix = features.build(consumer_credit, splits["test"])
    rows = np.vstack([matrix[:2], matrix[np.isnan(matrix).sum(axis=1) > 1][:2]])
    trees = [each["tree_structure"] for each in small_model.booster.dump_model()["tree_info"]]

    values, _ = explain.contributions(small_model, rows)

    for row, found in zip(rows, values, strict=True):
        wanted = np.array(shapley(trees, row.tolist(), 10)) * small_model.slope
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)
    assert np.abs(values).max() > 0.1


def test_reasons_are_ranked_with_stable_ties(consumer_credit):
    """The four highest contributions are given; equal ones keep the portfolio's order."""
    names = [each.name for each in consumer_credit.features]
    row = np.array([0.1, 0.0, 0.5, -2.0, 0.1, 0.0, 0.1, 0.0, 0.0, 0.0])

    found = explain.rank(consumer_credit, names, row)
    shuffled = explain.rank(consumer_credit, names[::-1], row[::-1])

    assert [each.code for each in found] == ["R03", "R01", "R05", "R07"]
    assert [each.contribution for each in found] == [0.5, 0.1, 0.1, 0.1]
    assert found[0].field == "past_due_60_89_days_count"
    assert shuffled == found


def test_a_row_alone_is_explained_as_in_a_batch(consumer_credit, splits, small_model):
    """One application's contributions do not depend on its neighbours."""
    matrix = features.build(consumer_credit, splits["test"])[:50]
    values, base = explain.contributions(small_model, matrix)

    for place in range(50):
        alone, same_base = explain.contributions(small_model, matrix[place : place + 1])
        assert alone.tobytes() == values[place : place + 1].tobytes()
        assert same_base == pytest.approx(base, abs=1e-15)
