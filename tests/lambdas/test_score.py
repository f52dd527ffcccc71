"""The score API, through API Gateway and Lambda of the embedded AWS."""

from __future__ import annotations

from solvencia import portfolio
from tests.lambdas.conftest import Deployed

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
    status, headers, problem = stack.score(APPLICATION)
    logged = stack.client("dynamodb").scan(TableName="solvencia-decisions")["Count"]

    assert status == 503
    assert headers["retry-after"] == "30"
    assert problem["title"] == "No model"
    assert logged == 0
