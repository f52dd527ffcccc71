from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from solvencia import features, monotone, network
from solvencia.encoding import Encoding, Value
from solvencia.evaluate import measure
from solvencia.model import to_pd


def fit(portfolio, columns, seed=1):
    names = tuple(each.name for each in portfolio.features)
    encoding = Encoding(names, tuple(Value(name) for name in names))
    rows = features.build(portfolio, columns)
    return network.fit(portfolio, encoding, rows, columns[portfolio.label.field], 1, seed)


@pytest.fixture(scope="module")
def fitted(consumer_credit, splits):
    return fit(consumer_credit, splits["train"])


def test_a_network_learns_and_repeats(consumer_credit, splits, fitted):
    """It ranks applications it never saw, and the same rows give the same weights."""
    rows = features.build(consumer_credit, splits["test"])
    outcome = splits["test"]["is_seriously_delinquent"]

    again = fit(consumer_credit, splits["train"])

    assert measure(outcome, to_pd(fitted.log_odds(rows))).auc > 0.68
    assert again == fitted
    assert fit(consumer_credit, splits["train"], seed=2) != fitted


def test_the_slopes_are_the_losses_derivatives(consumer_credit, splits):
    """Each weight's slope is what a small step of it changes the mean log loss by."""
    rng = np.random.default_rng(3)
    free, directed = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    truth = (rng.random(40) < 0.4).astype(float)
    weights = {k: w.astype(float) for k, w in network._start(rng, 3, 2, 0.4).items()}

    def loss(name, place, step):
        moved = {k: w.copy() for k, w in weights.items()}
        moved[name].reshape(-1)[place] += step
        raw = network._forward(moved, free, directed)[-1]
        return np.mean(np.logaddexp(0, raw) - truth * raw)

    slopes = network._slopes(weights, free, directed, truth)

    for name, weight in weights.items():
        for place in range(min(3, weight.size)):
            wanted = (loss(name, place, 1e-5) - loss(name, place, -1e-5)) / 2e-5
            assert np.asarray(slopes[name]).reshape(-1)[place] == pytest.approx(wanted, abs=1e-7)


def test_more_arrears_never_help(consumer_credit, splits, fitted):
    """The log-odds never fall when a directed field rises and all else stays."""
    rows = features.build(consumer_credit, splits["test"])[:100]

    for place, each in enumerate(consumer_credit.features):
        if each.monotone:
            steps = []
            for value in (0, 0.2, 0.9, 1, 2, 3, 6, 20):
                moved = rows.copy()
                moved[:, place] = value
                steps.append(fitted.log_odds(moved))
            assert (np.diff(np.array(steps), axis=0) >= 0).all()


def test_a_weight_below_zero_breaks_the_proof(consumer_credit, kinds):
    """One negative weight on a directed way is named."""
    blend = kinds["blend"]
    whole = blend.parts[2].scorer
    weights = {**whole.members[0], "D": whole.members[0]["D"] - 1.0}
    broken = dataclasses.replace(whole, members=(weights, whole.members[1]))
    parts = (*blend.parts[:2], dataclasses.replace(blend.parts[2], scorer=broken))

    found = monotone.find_breaks(dataclasses.replace(blend, parts=parts), consumer_credit)

    assert monotone.find_breaks(blend, consumer_credit) == {}
    assert found["past_due_90_days_count"] == "weights D of network 1 hold one below 0"


def test_a_row_alone_scores_as_in_a_batch(consumer_credit, splits, fitted):
    """Blocks of a fixed size give a row the same bits whatever comes with it."""
    rows = features.build(consumer_credit, splits["test"])[:150]
    together = fitted.log_odds(rows)

    alone = np.concatenate([fitted.log_odds(row[None, :]) for row in rows])

    assert alone.tobytes() == together.tobytes()
