"""WOE, IV and points, held against optbinning and toad."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import toad
from optbinning import BinningProcess, OptimalBinning, Scorecard
from sklearn.linear_model import LogisticRegression

from solvencia import scorecard, woe
from solvencia.portfolio import Scaling

SCALING = Scaling(points=600, odds=20, pdo=40)


@pytest.mark.parametrize("direction", [0, -1])
def test_evidence_of_a_number(sample, direction):
    """optbinning's table of our own bins has our WOE and IV, the missing bin included.

    Both define WOE as ln(share of goods / share of bads), so high is safe; toad's is the other
    way round, and its IV is the same. Our bins reach up to their edge, optbinning's start at it:
    it is handed the next number above.
    """
    ours = woe.fit(sample.income, sample.outcome, direction)
    splits = np.nextafter(ours.edges, np.inf)
    theirs = OptimalBinning(
        dtype="numerical", user_splits=splits, user_splits_fixed=[True] * len(splits)
    ).fit(sample.income, sample.outcome)
    table = theirs.binning_table.build(add_totals=False)
    table = table[table["Bin"] != "Special"]

    places = ours.place(sample.income)
    assert len(ours.woe) == len(table) > 3
    assert list(ours.goods) == table["Non-event"].tolist()
    assert list(ours.bads) == table["Event"].tolist()
    assert np.array(ours.woe) == pytest.approx(table["WoE"].to_numpy(dtype=float), abs=1e-6)
    assert ours.information_value == pytest.approx(table["IV"].sum(), abs=1e-6)
    assert ours.information_value == pytest.approx(toad.stats._IV(places, sample.outcome)[0])
    expected = theirs.transform(sample.income, metric="woe", metric_missing="empirical")
    assert ours.transform(sample.income) == pytest.approx(expected, abs=1e-6)


def test_evidence_of_a_text(sample):
    """Categories grouped by us have toad's WOE (its sign turned) and IV."""
    ours = woe.fit(sample.housing, sample.outcome, categories=4)
    places = ours.place(sample.housing)

    for place in np.unique(places):
        bad_share, good_share = toad.stats.probability(sample.outcome, mask=places == place)
        assert ours.woe[place] == pytest.approx(-toad.stats.WOE(bad_share, good_share), abs=1e-6)
    iv = toad.stats._IV(places, sample.outcome)[0]
    assert ours.information_value == pytest.approx(iv, abs=1e-6)


def test_points_of_a_scorecard(sample):
    """optbinning's pdo_odds scaling gives our points: rounded the same, and exact backwards.

    Its `odds` are good to bad at `scorecard_points`, as ours are.
    """
    columns = pd.DataFrame({"income": sample.income, "housing": sample.housing})
    card = Scorecard(
        binning_process=BinningProcess(["income", "housing"]),
        estimator=LogisticRegression(),
        scaling_method="pdo_odds",
        scaling_method_params={
            "pdo": SCALING.pdo,
            "odds": SCALING.odds,
            "scorecard_points": SCALING.points,
        },
    ).fit(columns, sample.outcome, metric_missing="empirical")
    chances = card.predict_proba(columns)[:, 1].tolist()

    for score, chance in zip(card.score(columns).tolist(), chances, strict=True):
        assert scorecard.to_points(SCALING, chance) == math.floor(score + 0.5)
        assert scorecard.to_pd(SCALING, score) == pytest.approx(chance, abs=1e-6)
