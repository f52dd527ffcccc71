"""The API's contract: JSON Schema of a request, and OpenAPI of every route of one portfolio.

Generated from the portfolio. The schema accepts what `request.parse` accepts, and nothing else;
`tests/lambdas/test_contracts.py` holds the two against each other, and the document against the
templates. What is answered is in `contracts_answers`.
"""

from __future__ import annotations

import sys
from typing import Any

from solvencia import contracts_answers as answers
from solvencia import contracts_batches
from solvencia.decision import LANGUAGES
from solvencia.gateway import TOKENS
from solvencia.portfolio import Field, Portfolio

DIALECT = "https://json-schema.org/draft/2020-12/schema"
OPENAPI_VERSION = "3.1.0"

_LARGEST = sys.float_info.max  # beyond it lies no finite number, which a request must be
_HELP = {
    "Idempotency-Key": "Makes a retry safe: the same key and body give the decision that was made",
    "X-Person-Id": "The lender's own reference of the person, never a name or a number of an "
    "identity document; made at random where it is absent",
    "X-Correlation-Id": "Answered and logged as it is, to follow a request through your systems",
}


def request_schema(portfolio: Portfolio) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a score request: the fields that an applicant gives."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:solvencia:{portfolio.name}:request",
        "title": f"{_title(portfolio)}: one application",
        **_request(portfolio),
    }


def openapi(portfolio: Portfolio) -> dict[str, Any]:
    """Return the OpenAPI document of the portfolio's routes, as they answer today."""
    name = portfolio.name
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": f"{_title(portfolio)}: credit score",
            "version": "1",
            "description": (
                "One application in; its decision, probability of default, points and reasons out. "
                "Every refusal is a problem document (RFC 9457). "
                "Generated from portfolio.toml: change the portfolio, then run `make contracts`."
            ),
        },
        "servers": [
            {
                "url": "https://{api}",
                "description": "The stack's output api_url, without the scheme",
                "variables": {"api": {"default": "localhost/live"}},
            }
        ],
        "security": [{"ApiKey": []}],
        "paths": {
            f"/v1/{name}/score": {"post": _score(portfolio)},
            f"/v1/{name}/schema": {"get": _schema(portfolio)},
            "/v1/decisions/{id}": {"get": _decision(portfolio)},
            f"/apply/{name}": {"post": _apply(portfolio)},
            **contracts_batches.paths(portfolio),
            "/health": {"get": _health()},
        },
        "components": {
            "securitySchemes": {"ApiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
            "schemas": {
                "Application": _request(portfolio),
                "Decision": answers.decision(portfolio),
                "LoggedDecision": answers.logged_decision(portfolio),
                "Problem": answers.problem(),
                "InvalidApplication": answers.invalid(portfolio),
                "Health": answers.health(),
                **contracts_batches.schemas(portfolio),
            },
        },
    }


def _title(portfolio: Portfolio) -> str:
    return portfolio.title.get("en", portfolio.name)


def _request(portfolio: Portfolio) -> dict[str, Any]:
    fields = portfolio.request_fields
    return {
        "type": "object",
        "properties": {each.name: _property(each) for each in fields},
        "required": [each.name for each in fields if not each.nullable],
        "additionalProperties": False,
    }


def _property(field: Field) -> dict[str, Any]:
    described = {"description": text} if (text := _describe(field)) else {}
    if field.type == "text":
        return {**described, "enum": [*field.categories, *([None] if field.nullable else [])]}
    types = [field.type, *(["null"] if field.nullable else [])]
    bounds = {
        "minimum": -_LARGEST if field.minimum is None else field.minimum,
        "maximum": _LARGEST if field.maximum is None else field.maximum,
    }
    outside = [each for each in map(float, field.sentinels) if _is_outside(field, each)]
    rules: dict[str, Any] = bounds
    if outside:
        whole = [int(each) if each.is_integer() else each for each in outside]
        rules = {"anyOf": [bounds, {"enum": whole + ([None] if field.nullable else [])}]}
    return {**described, "type": types if field.nullable else field.type, **rules}


def _is_outside(field: Field, value: float) -> bool:
    is_below = field.minimum is not None and value < field.minimum
    return is_below or (field.maximum is not None and value > field.maximum)


def _describe(field: Field) -> str:
    unit = f" ({field.unit})" if field.unit else ""
    codes = "; ".join(f"{code} means {text}" for code, text in field.sentinels.items())
    text = field.help.get("en", "") or (field.name if unit or codes else "")
    return f"{text}{unit}" + (f". {codes}" if codes else "")


def _score(portfolio: Portfolio) -> dict[str, Any]:
    return {
        "operationId": f"score_{portfolio.name}",
        "summary": "Decide on one application",
        "parameters": [_language(), *(_header(name) for name in TOKENS)],
        "requestBody": {"required": True, "content": answers.json_of("Application")},
        "responses": {
            "200": answers.decided("The decision; it stands in the decision log under its id"),
            **answers.refusals("400", "403", "404", "409", "413", "415", "422"),
            **answers.failures("429", "502", "503", "504"),
        },
    }


def _apply(portfolio: Portfolio) -> dict[str, Any]:
    """The form's own route: no key, but a browser on our own page."""
    return {
        "operationId": f"apply_{portfolio.name}",
        "summary": "Decide on one application, sent by the form on its own page",
        "description": "Answers 403 unless Sec-Fetch-Site, or Origin, says that our page asks.",
        "security": [],
        "parameters": [_language(), _header("Idempotency-Key"), _header("X-Correlation-Id")],
        "requestBody": {"required": True, "content": answers.json_of("Application")},
        "responses": {
            "200": answers.decided("The decision; it stands in the decision log under its id"),
            **answers.refusals("400", "403", "404", "409", "413", "415", "422"),
            **answers.failures("429", "502", "503", "504"),
        },
    }


def _schema(portfolio: Portfolio) -> dict[str, Any]:
    schema = {"type": "object", "required": ["$schema", "$id", "properties"]}
    return {
        "operationId": f"schema_{portfolio.name}",
        "summary": "Read the JSON Schema of an application",
        "parameters": [_header("X-Correlation-Id")],
        "responses": {
            "200": {
                "description": "JSON Schema (2020-12)",
                "content": {"application/schema+json": {"schema": schema}},
            },
            **answers.refusals("400", "403", "404"),
            **answers.failures("429", "502", "504"),
        },
    }


def _decision(portfolio: Portfolio) -> dict[str, Any]:
    return {
        "operationId": f"decision_{portfolio.name}",
        "summary": "Read a decision again",
        "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": answers.UUID},
            _language(),
            _header("X-Correlation-Id"),
        ],
        "responses": {
            "200": answers.decided("What was answered when it was made", "LoggedDecision"),
            **answers.refusals("400", "403", "404"),
            **answers.failures("429", "502", "503", "504"),
        },
    }


def _health() -> dict[str, Any]:
    return {
        "operationId": "health",
        "summary": "Ask whether the service answers",
        "security": [],
        "responses": {
            "200": {"description": "It does", "content": answers.json_of("Health")},
            **answers.failures("429", "502", "504"),
        },
    }


def _language() -> dict[str, Any]:
    return {
        "name": "Accept-Language",
        "in": "header",
        "description": f"Language of the reasons; offered are {', '.join(LANGUAGES)}",
        "schema": {"type": "string"},
    }


def _header(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "header",
        "description": _HELP[name],
        "schema": {"type": "string", "pattern": f"^{TOKENS[name].pattern}$"},
    }
