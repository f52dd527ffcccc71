"""No skew: what a model said of a training row in batch is what the API says of the same person."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pytest

from resilience import applicants
from solvencia import decision, features, portfolio, request, scorecard, training
from solvencia.clean import clean
from solvencia.container.serve_scores import Scores
from solvencia.split import assign, newest_vintage

PERIOD = "2026-10"
ROWS = 4000
FEW = {"num_leaves": 5, "rounds_max": 20, "learning_rate": 0.3, "members": 2, "networks": 1}


@pytest.fixture(scope="module", params=portfolio.names())
def trained(request):
    """Prepared rows of a portfolio, its cleaned training rows and a model of them."""
    product = portfolio.load(request.param)
    newest = newest_vintage(product, PERIOD).astype(date)
    rows = applicants.prepared(product, ROWS, newest, months=36, seed=11)
    columns = {name: np.array(values, dtype=object) for name, values in rows.items()}
    cleaned = clean(product, columns)
    assert cleaned.is_accepted.all(), cleaned.reasons
    split = assign(product, PERIOD, cleaned.columns[product.key.name], columns["applied_on"])
    parts = {
        name: {key: values[split == name] for key, values in cleaned.columns.items()}
        for name in ("train", "validation", "test")
    }
    model = training.train(product, PERIOD, parts["train"], parts["validation"], FEW)
    return product, rows, np.flatnonzero(split == "train"), parts["train"], model


def ask(product, server, application):
    """Send one application as a client does: JSON, the score function, JSON, the endpoint."""
    taken = request.parse(product, json.loads(json.dumps(application)))
    body = {"fingerprint": product.fingerprint, "applications": [taken]}
    *_, answer = server.answer(json.dumps(body).encode())
    subject = decision.identify(product.name, taken, decision.Caller("k", "", "", ""), "en")
    decided = decision.decide(product, subject, json.loads(answer))
    return json.loads(json.dumps(decided.answer(product, "en")))


def test_training_rows_sent_through_the_api_score_as_in_training(trained):
    """Every training row gets, alone and by JSON, the PD and points of the batch, bit for bit.

    It holds for each kind of model that competed, whichever won.
    """
    product, rows, places, cleaned, model = trained
    names = [each.name for each in product.request_fields]
    for each in (model, *model.challengers.values()):
        in_batch = each.predict(features.build(product, cleaned, each.features)).tolist()
        server = Scores(each, product)

        answers = [ask(product, server, {name: rows[name][at] for name in names}) for at in places]

        assert len(places) > 1000
        assert [found["pd"] for found in answers] == in_batch, each.kind
        assert [found["points"] for found in answers] == [
            scorecard.to_points(each.scaling, pd) for pd in in_batch
        ]
        assert len({found["pd"] for found in answers}) > 50
