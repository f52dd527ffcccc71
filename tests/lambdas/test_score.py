"""The score API, through API Gateway and Lambda of the embedded AWS."""

from __future__ import annotations

import json

import pytest

from solvencia import portfolio
from tests.lambdas.conftest import ROOT, Deployed

APPLICATION = {
    "revolving_utilisation_ratio": 0.42,
    "past_due_30_59_days_count": 0,
    "past_due_60_89_days_count": 0,
    "past_due_90_days_count": 0,
    "debt_ratio": 0.31,
    "monthly_income_usd": 4200,
    "open_credit_lines_count": 7,
    "real_estate_loans_count": 1,
    "dependents_count": None,
}


def test_a_request_without_the_key_is_forbidden(stack: Deployed) -> None:
    """API Gateway stops it before any code of ours runs."""
    status, headers, problem = stack.ask("POST", "/v1/consumer_credit/score", {}, x_api_key="")

    assert status == 403
    assert headers["content-type"] == "application/problem+json"
    assert problem["detail"] == "the header x-api-key is missing or wrong"


def test_broken_json_is_a_bad_request(stack: Deployed) -> None:
    """The answer is a problem document that says where the body breaks."""
    status, headers, problem = stack.score(b'{"debt_ratio": }')

    assert status == 400
    assert headers["content-type"] == "application/problem+json"
    assert problem["detail"] == "the body is not a JSON document: look at line 1, column 16"


def test_every_bad_field_is_named(stack: Deployed) -> None:
    """One answer tells all the faults, by field, and repeats no value."""
    status, _, problem = stack.score(
        {**APPLICATION, "debt_ratio": -77.5, "open_credit_lines_count": 1.5, "age_years": 40}
    )

    assert status == 422
    assert problem["problems"] == {
        "age_years": "unknown field",
        "debt_ratio": "must be at least 0",
        "open_credit_lines_count": "must be a whole number",
    }
    assert "77.5" not in str(problem)


def test_a_wrong_category_is_answered_with_the_right_ones(stack: Deployed) -> None:
    """A text field of the portfolio names its categories, in the portfolio's order."""
    status, _, problem = stack.score(
        {"housing": "castle", "telephone": 7}, portfolio="german_loans"
    )

    assert status == 422
    assert problem["problems"]["housing"] == "must be one of free, rented, owned"
    assert problem["problems"]["telephone"] == "must be one of no, yes"
    assert problem["problems"]["amount_dm"] == "missing"


def test_an_unknown_portfolio_is_not_found(stack: Deployed) -> None:
    """The answer lists the portfolios that have scores."""
    status, _, problem = stack.score(APPLICATION, portfolio="cards")

    assert status == 404
    assert problem["detail"] == f"known: {', '.join(portfolio.names())}"


def test_without_a_model_in_service_the_client_is_asked_to_come_back(stack: Deployed) -> None:
    """An endpoint that is not there is no fault of the client's, and no decision is logged."""
    table = stack.client("dynamodb")
    before = table.scan(TableName="solvencia-decisions")["Count"]
    status, headers, problem = stack.score(APPLICATION)
    after = table.scan(TableName="solvencia-decisions")["Count"]

    assert status == 503
    assert headers["retry-after"] == "30"
    assert problem["title"] == "No model"
    assert after == before


@pytest.mark.parametrize("content_type", ["text/csv", "application/x-www-form-urlencoded"])
def test_another_content_type_is_refused_at_the_gateway(stack: Deployed, content_type: str) -> None:
    """No function runs for it: the answer carries no id of one."""
    status, headers, problem = stack.score(b"a=1", Content_Type=content_type)

    assert status == 415
    assert headers["content-type"] == "application/problem+json"
    assert problem["title"] == "Unsupported media type"


def test_a_request_without_a_content_type_is_refused_at_the_gateway(stack: Deployed) -> None:
    """The header that is missing is named."""
    status, _, problem = stack.score(b"{}", Content_Type="")

    assert status == 400
    assert "Content-Type" in problem["detail"]


@pytest.mark.parametrize("length", [70_000, 2_000_000])
def test_a_body_that_is_too_long_is_refused(stack: Deployed, length: int) -> None:
    """What no application can be is not parsed."""
    status, _, problem = stack.score(b'{"a": "' + b"x" * length + b'"}')

    assert status == 413
    assert problem["title"] == "Too long"


def test_a_correlation_id_goes_through(stack: Deployed) -> None:
    """The client's own id comes back in header and problem; else the request has its own."""
    _, headers, problem = stack.score({}, X_Correlation_Id="call-7")
    _, others, other = stack.score({})

    assert headers["x-correlation-id"] == problem["correlation_id"] == "call-7"
    assert others["x-correlation-id"] == other["correlation_id"] != ""


def test_a_malformed_key_is_a_bad_request(stack: Deployed) -> None:
    """A key that were dropped silently would let a retry decide twice."""
    status, _, problem = stack.score(APPLICATION, Idempotency_Key="a b")

    assert status == 400
    assert problem["problems"] == {"Idempotency-Key": "write 1 to 64 letters, digits, - or _"}


def test_anybody_may_ask_whether_the_service_lives(stack: Deployed) -> None:
    """Health needs no key and names the portfolios."""
    status, _, answer = stack.ask("GET", "/health", x_api_key="")

    assert status == 200
    assert answer == {"status": "ok", "portfolios": list(portfolio.names())}


def test_the_schema_is_the_one_that_is_committed(stack: Deployed) -> None:
    """A client reads by the API what `make contracts` has written."""
    status, headers, answer = stack.ask("GET", "/v1/german_loans/schema")
    committed = ROOT / "contracts" / "german_loans" / "request.schema.json"

    assert status == 200
    assert headers["content-type"] == "application/schema+json"
    assert answer == json.loads(committed.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("verb", "path"), [("GET", "/v2/scores"), ("DELETE", "/health"), ("GET", "/v1/decisions")]
)
def test_a_route_that_is_none_is_not_found(stack: Deployed, verb: str, path: str) -> None:
    """The gateway answers by a problem document, too."""
    status, headers, problem = stack.ask(verb, path)

    assert status == 404
    assert headers["content-type"] == "application/problem+json"
    assert problem["title"] == "Unknown route"


def test_too_many_requests_without_a_key_are_told_to_come_back(stack: Deployed) -> None:
    """The form's throttle is on its routes alone: a client with a key goes on."""
    answers = [stack.ask("POST", "/apply/consumer_credit", {}, x_api_key="") for _ in range(80)]
    throttled = [each for each in answers if each[0] == 429]

    assert {each[0] for each in answers} == {403, 429}
    assert throttled[0][1]["retry-after"] == "2"
    assert throttled[0][2]["title"] == "Too many requests"
    assert stack.score({})[0] == 422
