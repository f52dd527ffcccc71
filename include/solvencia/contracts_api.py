"""The score route's contract: JSON Schema of a request, and OpenAPI of the route and its answers.

Generated from the portfolio. The schema accepts what `request.parse` accepts, and nothing else;
`tests/lambdas/test_contracts.py` holds the two against each other.
"""

from __future__ import annotations

import sys
from typing import Any

from solvencia.decision import LANGUAGES, REASONS_MIN
from solvencia.portfolio import Field, Portfolio

DIALECT = "https://json-schema.org/draft/2020-12/schema"
OPENAPI_VERSION = "3.1.0"

_LARGEST = sys.float_info.max  # beyond it lies no finite number, which a request must be
_MESSAGE = {"type": "object", "properties": {"message": {"type": "string"}}}


def request_schema(portfolio: Portfolio) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a score request: the fields that an applicant gives."""
    return {
        "$schema": DIALECT,
        "$id": f"urn:solvencia:{portfolio.name}:request",
        "title": f"{_title(portfolio)}: one application",
        **_request(portfolio),
    }


def openapi(portfolio: Portfolio) -> dict[str, Any]:
    """Return the OpenAPI document of the portfolio's score route, as it answers today."""
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": f"{_title(portfolio)}: credit score",
            "version": "1",
            "description": (
                "One application in; its probability of default, its points and the reasons out. "
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
        "paths": {f"/v1/{portfolio.name}/score": {"post": _operation(portfolio)}},
        "components": {
            "securitySchemes": {"ApiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
            "schemas": {
                "Application": _request(portfolio),
                "Decision": _decision(portfolio),
                "Problem": _problem(),
                "InvalidApplication": _invalid(portfolio),
                "Message": _MESSAGE,
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


def _operation(portfolio: Portfolio) -> dict[str, Any]:
    return {
        "operationId": f"score_{portfolio.name}",
        "summary": "Score one application",
        "parameters": [
            {
                "name": "Accept-Language",
                "in": "header",
                "description": f"Language of the reasons; offered are {', '.join(LANGUAGES)}",
                "schema": {"type": "string", "default": LANGUAGES[0]},
            }
        ],
        "requestBody": {"required": True, "content": _json("Application")},
        "responses": {
            "200": {
                "description": "The score; it stands in the decision log under its decision_id",
                "headers": {
                    "Content-Language": {"schema": {"type": "string", "enum": list(LANGUAGES)}},
                    "Cache-Control": {"schema": {"const": "no-store"}},
                },
                "content": _json("Decision"),
            },
            "400": _refusal("The body is not a JSON document", "Problem"),
            "403": _gateways_own("The header x-api-key is missing or wrong"),
            "404": _refusal("No portfolio of this name is deployed", "Problem"),
            "422": _refusal("The application breaks the portfolio's rules", "InvalidApplication"),
            "429": _gateways_own("Too many requests with this key: ask again later"),
            "502": _gateways_own("A fault of the service; its owner was alerted"),
            "503": {
                **_refusal("No model is in service: ask again later", "Problem"),
                "headers": {"Retry-After": {"schema": {"type": "string", "pattern": "^[0-9]+$"}}},
            },
            "504": _gateways_own("The answer took too long: ask again"),
        },
    }


def _refusal(description: str, schema: str) -> dict[str, Any]:
    return {"description": description, "content": _json(schema, "application/problem+json")}


def _gateways_own(description: str) -> dict[str, Any]:
    """An answer of API Gateway's own, before or instead of the function's."""
    return {"description": description, "content": _json("Message")}


def _json(schema: str, media_type: str = "application/json") -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _decision(portfolio: Portfolio) -> dict[str, Any]:
    scale = portfolio.scaling
    codes = [each.reason["code"] for each in portfolio.features if each.citable]
    reason = {
        "code": {"type": "string", "enum": sorted(set(codes))},
        "text": {"type": "string"},
        "effect": {"enum": ["raises", "lowers"], "description": "raises or lowers the risk"},
    }
    return _object(
        {
            "decision_id": {"type": "string", "format": "uuid"},
            "pd": {
                "type": "number",
                "minimum": 0,
                "maximum": 1,
                "description": f"Probability of default within {portfolio.label.window_months} "
                "months",
            },
            "points": {
                "type": "integer",
                "description": f"{scale.points:g} points mean {scale.odds:g} good to one bad; "
                f"{scale.pdo:g} more double the odds",
            },
            "reasons": {"type": "array", "minItems": REASONS_MIN, "items": _object(reason)},
            "model": _object({"digest": {"type": "string"}, "period": {"type": "string"}}),
            "decided_at": {"type": "string", "format": "date-time"},
        }
    )


def _problem() -> dict[str, Any]:
    return _object(
        {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
        }
    )


def _invalid(portfolio: Portfolio) -> dict[str, Any]:
    problem = _problem()
    problem["properties"]["problems"] = {
        "type": "object",
        "description": "What is wrong, by field; `body` stands for the whole",
        "additionalProperties": {"type": "string"},
        "examples": [{portfolio.request_fields[0].name: "missing"}],
    }
    problem["required"].append("problems")
    return problem


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}
