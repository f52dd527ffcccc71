from __future__ import annotations

import json

import numpy as np
import pytest
from serving import post, serving

from solvencia import explain, features, lineage, model
from solvencia.clean import clean


@pytest.fixture(scope="module")
def server(trained):
    with serving(trained[0]) as (port, _):
        yield port


@pytest.fixture
def body(consumer_credit, application):
    return {"fingerprint": consumer_credit.fingerprint, "applications": [application]}


def test_the_server_scores_as_the_core(server, trained, body, consumer_credit, application):
    """An endpoint's answer holds the model's PD, points and its four leading reasons."""
    status, answer = post(server, json.dumps(body).encode())

    loaded = model.load(trained[0] / "model")
    columns = {name: np.array([value]) for name, value in application.items()}
    matrix = features.build(consumer_credit, clean(consumer_credit, columns).columns)
    values, _ = explain.contributions(loaded, matrix)
    ranked = explain.rank(consumer_credit, loaded.features, values[0])
    (score,) = answer["scores"]
    assert status == 200
    assert answer["model"] == {
        "digest": loaded.digest,
        "period": "2026-10",
        "fingerprint": consumer_credit.fingerprint,
        "code": lineage.code_digest("consumer_credit"),
    }
    assert score["pd"] == loaded.predict(matrix)[0]
    assert 200 < score["points"] < 900
    assert [each["code"] for each in score["reasons"]] == [each.code for each in ranked]
    assert len(score["reasons"]) == 4


def test_a_batch_is_scored_as_each_alone(server, body, application):
    """Several applications in one call get the scores they get alone, in order."""
    late = application | {"past_due_90_days_count": 4, "monthly_income_usd": None}
    _, both = post(server, json.dumps(body | {"applications": [application, late]}).encode())

    for place, each in enumerate((application, late)):
        _, alone = post(server, json.dumps(body | {"applications": [each]}).encode())
        assert alone["scores"] == [both["scores"][place]]

    assert both["scores"][0] != both["scores"][1]


def test_other_rules_conflict(server, body):
    """A caller with another portfolio is told so with 409."""
    status, answer = post(server, json.dumps(body | {"fingerprint": "other"}).encode())

    assert status == 409
    assert "deploy both from the same release" in answer["error"]


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"debt_ratio": "lots"}, "debt_ratio", "not a number"),
        ({"debt_ratio": [0.4, 0.5]}, "debt_ratio", "not a number"),
        ({"debt_ratio": -1}, "debt_ratio", "below 0"),
        ({"past_due_90_days_count": None}, "past_due_90_days_count", "missing"),
        ({"age_years": 50}, "age_years", "unknown field"),
    ],
)
def test_a_bad_application_is_refused(server, body, application, change, field, reason):
    """A row that cleaning refuses gets 400 with the field and the reason."""
    applications = [application, application | change]
    status, answer = post(server, json.dumps(body | {"applications": applications}).encode())

    assert status == 400
    assert answer["problems"] == {f"applications[1].{field}": reason}


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"fingerprint": NaN}', 400),
        (b"\xff", 400),
        (b"[" * 200_000, 400),
    ],
)
def test_a_malformed_body_is_refused(server, raw, status):
    """What is no JSON object gets 400 with an error, never a score or a 500."""
    found, answer = post(server, raw)

    assert found == status
    assert set(answer) == {"error"}


@pytest.mark.parametrize("applications", [None, [], {}, "text", [3]])
def test_malformed_applications_are_refused(server, body, applications):
    """Applications are a list of one or more objects."""
    status, answer = post(server, json.dumps(body | {"applications": applications}).encode())

    assert status == 400
    assert "applications" in answer["error"]


def test_other_content_types_are_refused(server, body):
    """A content type that nobody reads gets 415; a charset parameter does not matter."""
    raw = json.dumps(body).encode()

    assert post(server, raw, "text/plain")[0] == 415
    assert post(server, raw, "application/json; charset=utf-8")[0] == 200
