from __future__ import annotations

import dataclasses
import re

import lightgbm as lgb
import numpy as np
import pytest

from solvencia import boosting, features, leaves, monotone, trees
from solvencia.card import Bins, Card
from solvencia.trees import Trees


def with_scorer(model, scorer):
    """The same model with its scorer of that kind exchanged."""
    parts = tuple(
        dataclasses.replace(part, scorer=scorer) if isinstance(part.scorer, type(scorer)) else part
        for part in model.parts
    )
    return dataclasses.replace(model, parts=parts)


def scorer_of(model, kind):
    return next(part.scorer for part in model.parts if isinstance(part.scorer, kind))


@pytest.mark.parametrize("kind", ["scorecard", "boosting", "blend"])
def test_a_trained_model_is_proven_monotone(consumer_credit, kinds, kind):
    """Every kind keeps the declared directions, on the model itself."""
    assert monotone.find_breaks(kinds[kind], consumer_credit) == {}


@pytest.mark.parametrize("kind", ["scorecard", "boosting"])
def test_the_opposite_direction_is_a_break(consumer_credit, kinds, kind):
    """Were less arrears declared the greater risk, each field that plays a part would be named."""
    fields = {
        name: dataclasses.replace(each, monotone=-each.monotone)
        for name, each in consumer_credit.fields.items()
    }
    turned = dataclasses.replace(consumer_credit, fields=fields)

    found = monotone.find_breaks(kinds[kind], turned)

    assert {"revolving_utilisation_ratio", "past_due_30_59_days_count"} <= set(found)
    assert all(consumer_credit.fields[name].monotone for name in found)


def test_one_broken_leaf_is_found(consumer_credit, splits, kinds):
    """A single leaf that lifts low utilisation is named with its tree, and the score shows it."""
    whole = scorer_of(kinds["boosting"], Trees)
    first = re.search(r"^leaf_value=(.*)$", whole.text, re.MULTILINE)
    column = kinds["boosting"].features.index("revolving_utilisation_ratio")
    boxes = whole.leaves
    (lowest,) = np.flatnonzero(
        (boxes.tree == 0) & (boxes.high[column] == boxes.high[column][boxes.tree == 0].min())
    )[:1]
    before = f"{boxes.value[lowest]:.17g}"
    values = first[1].split(" ")
    place = int(np.argmin(np.abs(np.array(values, dtype=float) - float(before))))
    values[place] = "5"
    text = whole.text.replace(first[0], "leaf_value=" + " ".join(values), 1)
    broken = trees.read(trees.join([text]), whole.encoding, whole.members)

    found = monotone.find_breaks(with_scorer(kinds["boosting"], broken), consumer_credit)

    assert re.search(r"tree 0: past .* move from .* to .*", " ".join(found.values()))


def test_trees_grown_without_constraints_are_brought_into_order(consumer_credit, splits):
    """Whatever leaves LightGBM grew, the repair ends, and the proof finds nothing more."""
    matrix = features.build(consumer_credit, splits["train"])
    outcome = splits["train"]["is_seriously_delinquent"]
    grown = lgb.train(
        {"objective": "binary", "num_leaves": 24, "min_data_in_leaf": 10, "verbosity": -1},
        lgb.Dataset(matrix, outcome),
        num_boost_round=10,
    )
    directions = [each.monotone for each in consumer_credit.features]

    def count() -> int:
        boxes = leaves.read(grown)
        return sum(
            len(leaves.find_breaks(boxes, column, direction))
            for column, direction in enumerate(directions)
            if direction
        )

    before = count()
    boosting.repair(grown, directions)

    assert before > 100
    assert count() == 0


def test_a_broken_bin_is_found(consumer_credit, kinds):
    """Two bins of the scorecard in the wrong order are named."""
    whole = scorer_of(kinds["scorecard"], Card)
    parts = []
    for part in whole.parts:
        if part.field == "revolving_utilisation_ratio":
            assert isinstance(part, Bins)
            woe = (*part.binning.woe[1::-1], *part.binning.woe[2:])
            part = dataclasses.replace(part, binning=dataclasses.replace(part.binning, woe=woe))
        parts.append(part)
    broken = dataclasses.replace(whole, parts=tuple(parts))

    found = monotone.find_breaks(with_scorer(kinds["scorecard"], broken), consumer_credit)

    assert found == {
        "revolving_utilisation_ratio": "scorecard bin 2 moves against bin 1",
    }


def test_a_negative_slope_breaks_everything(consumer_credit, kinds):
    """Calibration that turns the order round is a break of every directed field."""
    parts = tuple(dataclasses.replace(each, slope=-0.5) for each in kinds["boosting"].parts)

    found = monotone.find_breaks(
        dataclasses.replace(kinds["boosting"], parts=parts), consumer_credit
    )

    assert len(found) == 6
    assert found["past_due_90_days_count"] == "the boosting's slope -0.5 is not above 0"


def test_leaves_tile_the_space(consumer_credit, splits, kinds):
    """Each row lies in exactly one leaf of each tree, and the leaves' values are its score."""
    whole = scorer_of(kinds["boosting"], Trees)
    matrix = features.build(consumer_credit, splits["test"])[:100]

    for row in matrix:
        inside = whole.leaves.find_inside(row).all(axis=0)
        assert np.bincount(whole.leaves.tree[inside]).tolist() == [1] * whole.booster.num_trees()
        raw = whole.leaves.value[inside].sum() / whole.members
        assert raw == pytest.approx(whole.log_odds(row[None, :])[0], abs=1e-9)
