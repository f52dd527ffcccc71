"""The generated API contracts, held against the code that answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import openapi_spec_validator
import pytest

from solvencia import contracts, decision, portfolio, request
from solvencia.gateway import Caller
from solvencia.portfolio import Portfolio
from tests.lambdas import templates

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = sorted((ROOT / "contracts").glob("*/request.schema.json"))
ROUTES = sorted((ROOT / "contracts").glob("*/openapi.json"))
APPLICATION = {
    "revolving_utilisation_ratio": 0.42,
    "past_due_30_59_days_count": 0,
    "past_due_60_89_days_count": 98,
    "past_due_90_days_count": 0,
    "debt_ratio": 0.31,
    "monthly_income_usd": 4200,
    "open_credit_lines_count": 7,
    "real_estate_loans_count": 1,
    "dependents_count": None,
}
LOANS = """
name = "loans"
title = { en = "Loans", es = "Préstamos" }
owner = "loans-data"
[schedule]
start = 2024-01-01
[label]
field = "is_bad"
window_months = 12
[split]
test_months = 2
validation_percent = 50
parts = 1
[scaling]
points = 500
odds = 10
pdo = 20
[gate]
auc_min = 0.6
ece_max = 0.1
rows_min = 10
[tables.loan]
key = ["loan_no"]
time = "asked_on"
columns = { loan_no = "text", asked_on = "date", is_bad = "integer" }
[fields.loan_no]
role = "id"
type = "text"
[fields.asked_on]
role = "time"
type = "date"
[fields.is_bad]
role = "label"
type = "integer"
[fields.housing]
role = "feature"
type = "text"
nullable = true
categories = ["rent", "own"]
reason = { code = "L1", en = "Housing", es = "Vivienda" }
[fields.years]
role = "feature"
type = "integer"
nullable = true
minimum = 0
maximum = 80
sentinels = { -7 = "not said", 999 = "not asked", 9 = "unclear" }
reason = { code = "L2", en = "Years", es = "Años" }
[fields.balance]
role = "feature"
type = "number"
reason = { code = "L3", en = "Balance", es = "Saldo" }
"""
LOAN = {"housing": "own", "years": 4, "balance": -3.5}


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Portfolio]:
    """The shipped consumer credit, and loans with texts, sentinels and open bounds."""
    folder = tmp_path_factory.mktemp("portfolios") / "loans"
    folder.mkdir()
    (folder / "portfolio.toml").write_text(LOANS, encoding="utf-8")
    (folder / "prepare.sql").write_text("SELECT 1", encoding="utf-8")
    return {
        "consumer_credit": portfolio.load("consumer_credit"),
        "loans": portfolio.load("loans", folder.parent),
    }


def read(product: Portfolio, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(contracts.files(product)[f"contracts/{product.name}/{name}"])
    return found


def without(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != name}


@pytest.mark.parametrize(
    ("name", "body", "is_accepted"),
    [
        ("consumer_credit", APPLICATION, True),
        ("consumer_credit", without(APPLICATION, "dependents_count"), True),
        ("consumer_credit", without(APPLICATION, "open_credit_lines_count"), False),
        ("consumer_credit", APPLICATION | {"age_years": 40}, False),
        ("consumer_credit", APPLICATION | {"monthly_debt_usd": 40}, False),
        ("consumer_credit", APPLICATION | {"past_due_90_days_count": 96}, True),
        ("consumer_credit", APPLICATION | {"past_due_90_days_count": 97}, False),
        ("consumer_credit", APPLICATION | {"past_due_90_days_count": 60}, True),
        ("consumer_credit", APPLICATION | {"past_due_90_days_count": 61}, False),
        ("consumer_credit", APPLICATION | {"past_due_90_days_count": 2.0}, True),
        ("consumer_credit", APPLICATION | {"past_due_90_days_count": 1.5}, False),
        ("consumer_credit", APPLICATION | {"past_due_90_days_count": None}, False),
        ("consumer_credit", APPLICATION | {"past_due_90_days_count": True}, False),
        ("consumer_credit", APPLICATION | {"debt_ratio": "0.4"}, False),
        ("consumer_credit", APPLICATION | {"debt_ratio": [0.4]}, False),
        ("consumer_credit", APPLICATION | {"debt_ratio": -0.01}, False),
        ("consumer_credit", APPLICATION | {"debt_ratio": 10**400}, False),
        ("consumer_credit", [APPLICATION], False),
        ("consumer_credit", None, False),
        ("loans", LOAN, True),
        ("loans", LOAN | {"housing": None}, True),
        ("loans", LOAN | {"housing": "boat"}, False),
        ("loans", LOAN | {"housing": ""}, False),
        ("loans", LOAN | {"housing": 1}, False),
        ("loans", LOAN | {"housing": ["own"]}, False),
        ("loans", LOAN | {"years": -7}, True),
        ("loans", LOAN | {"years": -7.0}, True),
        ("loans", LOAN | {"years": -6}, False),
        ("loans", LOAN | {"years": 999}, True),
        ("loans", LOAN | {"years": 9}, True),
        ("loans", LOAN | {"years": None}, True),
        ("loans", LOAN | {"years": "4"}, False),
        ("loans", {"balance": 1}, True),
        ("loans", {}, False),
        ("loans", LOAN | {"balance": -1e300}, True),
        ("loans", LOAN | {"balance": 10**400}, False),
        ("loans", LOAN | {"balance": None}, False),
    ],
)
def test_the_schema_accepts_what_the_code_accepts(
    products: dict[str, Portfolio], name: str, body: object, is_accepted: bool
) -> None:
    """A client that checks its body by the schema is told the same as by the API."""
    product = products[name]
    schema = jsonschema.Draft202012Validator(read(product, "request.schema.json"))
    try:
        request.parse(product, body)
        is_parsed = True
    except request.InvalidRequest:
        is_parsed = False

    assert (is_parsed, schema.is_valid(body)) == (is_accepted, is_accepted)


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.parent.name)
def test_the_committed_schema_is_json_schema(path: Path) -> None:
    """Draft 2020-12 knows every keyword of it."""
    schema = json.loads(path.read_text(encoding="utf-8"))

    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", ROUTES, ids=lambda path: path.parent.name)
def test_the_committed_route_is_openapi(path: Path) -> None:
    """The document is valid OpenAPI 3.1."""
    document = json.loads(path.read_text(encoding="utf-8"))

    openapi_spec_validator.validate(document)


# The form's page and files are for browsers.
UNDOCUMENTED = {
    "GET /apply/{portfolio}",
    "GET /apply/{portfolio}/{file}",
}


def test_every_route_of_the_gateway_is_documented(products: dict[str, Portfolio]) -> None:
    """The template and the document name the same routes, and ask for a key at the same ones."""
    resources = templates.read("api")["Resources"]

    def path(name: str) -> str:
        if name not in resources:
            return ""
        found = resources[name]["Properties"]
        return f"{path(found['ParentId'].get('Ref', ''))}/{found['PathPart']}"

    methods = [
        each["Properties"]
        for each in resources.values()
        if each["Type"] == "AWS::ApiGateway::Method"
    ]
    routed = {
        f"{each['HttpMethod']} {path(each['ResourceId']['Ref'])}": each["ApiKeyRequired"]
        for each in methods
    }
    documented = {
        f"{verb.upper()} {route.replace('consumer_credit', '{portfolio}')}": "security" not in each
        for route, verbs in read(products["consumer_credit"], "openapi.json")["paths"].items()
        for verb, each in verbs.items()
    }

    assert documented == {name: key for name, key in routed.items() if name not in UNDOCUMENTED}


@pytest.mark.parametrize("name", ["consumer_credit", "loans"])
def test_an_answer_is_what_the_route_declares(products: dict[str, Portfolio], name: str) -> None:
    """What the score function makes of an endpoint's reply fits the documented decision."""
    product = products[name]
    document = read(product, "openapi.json")
    reasons = [
        {"field": each.name, "code": each.reason["code"], "contribution": 0.3}
        for each in product.features[:3]
    ]
    reply = {
        "scores": [{"pd": 0.07, "points": 612, "reasons": reasons}],
        "model": {"digest": "4" * 64, "period": "2026-10", "code": "5" * 64, "fingerprint": "6"},
    }
    subject = decision.identify(name, {}, Caller("k", "", "", ""), "es")
    answer = decision.decide(product, subject, reply).answer(product, "es")
    schemas = document["components"]["schemas"]
    schema = jsonschema.Draft202012Validator(schemas["Decision"])

    schema.validate(answer)
    jsonschema.validate({"portfolio": name, **answer}, schemas["LoggedDecision"])
    assert not schema.is_valid(answer | {"pd": 1.2})
