"""What the API answers, as OpenAPI: decisions, and problems with what to do about them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from solvencia import policy
from solvencia.decision import LANGUAGES, REASONS_MIN
from solvencia.portfolio import Portfolio

UUID = {"type": "string", "format": "uuid"}

_DIGEST = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_SECONDS = {"schema": {"type": "string", "pattern": "^[0-9]+$"}}
_REFUSED: Mapping[str, str] = {
    "400": "No JSON, or a header that is malformed or missing",
    "403": "The header x-api-key is missing or wrong; or, of the form, another page asks",
    "404": "Nothing of this name or id",
    "409": "The Idempotency-Key stands for another application or another person",
    "413": "The body is longer than an application is",
    "415": "The body is not application/json in UTF-8",
    "422": "The application breaks the portfolio's rules; every bad field is named",
}
_FAILED: Mapping[str, str] = {
    "429": "Too many requests: ask again later",
    "502": "A fault of the service; its owner was alerted",
    "503": "No model or no decision log answers: ask again later, with the same Idempotency-Key",
    "504": "No answer in time: ask again, with the same Idempotency-Key",
}


def decided(description: str, schema: str = "Decision") -> dict[str, Any]:
    """Return the answer of a route that gives a decision."""
    return {
        "description": description,
        "headers": {
            **_correlation(),
            "Content-Language": {"schema": {"type": "string", "enum": list(LANGUAGES)}},
            "Cache-Control": {"schema": {"const": "no-store"}},
        },
        "content": json_of(schema),
    }


def refusals(*statuses: str) -> dict[str, Any]:
    """Return what is refused for a fault of the client's: no retry helps."""
    return {
        each: {
            "description": _REFUSED[each],
            "headers": _correlation(),
            "content": _problem_of("InvalidApplication" if each == "422" else "Problem"),
        }
        for each in statuses
    }


def failures(*statuses: str) -> dict[str, Any]:
    """Return what passes: each says in how many seconds to ask again."""
    return {
        each: {
            "description": _FAILED[each],
            "headers": {**_correlation(), "Retry-After": _SECONDS},
            "content": _problem_of("Problem"),
        }
        for each in statuses
    }


def json_of(schema: str) -> dict[str, Any]:
    """Return the content of a JSON body."""
    return _content(schema, "application/json")


def decision(portfolio: Portfolio) -> dict[str, Any]:
    """Return the schema of what a client is told of a decision."""
    scale = portfolio.scaling
    codes = [each.reason["code"] for each in portfolio.features if each.citable]
    reason = {
        "code": {"type": "string", "enum": sorted(set(codes))},
        "text": {"type": "string"},
        "effect": {"enum": ["raises", "lowers"], "description": "raises or lowers the risk"},
        "points": {
            "type": "number",
            "description": "Share in the score, against a typical application",
        },
    }
    return _object(
        {
            "decision_id": UUID,
            "decision": {
                "enum": list(policy.OUTCOMES),
                "description": "refer: a person decides",
            },
            "band": {"enum": [each.name for each in portfolio.bands]},
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
            "model": _object({"digest": _DIGEST, "period": {"type": "string"}}),
            "code_digest": {**_DIGEST, "description": "Of the code that scored"},
            "policy_digest": {**_DIGEST, "description": "Of the bands that decided"},
            "person_id": {"type": "string", "description": "X-Person-Id, or one made at random"},
            "decided_at": {"type": "string", "format": "date-time"},
        }
    )


def logged_decision(portfolio: Portfolio) -> dict[str, Any]:
    """Return the schema of a decision that is read again: of any portfolio, made at any time."""
    found = decision(portfolio)
    properties = {"portfolio": {"type": "string"}, **found["properties"]}
    properties["band"] = {"type": "string"}
    code = {"type": "string"}
    items = found["properties"]["reasons"]["items"]
    properties["reasons"] = {
        **found["properties"]["reasons"],
        "items": _object({**items["properties"], "code": code}),
    }
    return _object(properties)


def problem() -> dict[str, Any]:
    """Return the schema of a problem document."""
    return {
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "problems": _problems("X-Person-Id"),
            "correlation_id": {"type": "string"},
        },
        "required": ["type", "title", "detail", "correlation_id"],
        "additionalProperties": False,
    }


def invalid(portfolio: Portfolio) -> dict[str, Any]:
    """Return the schema of a problem that names fields."""
    found = problem()
    found["properties"]["problems"] = _problems(portfolio.request_fields[0].name)
    found["required"] = [*found["required"], "status", "problems"]
    return found


def health() -> dict[str, Any]:
    """Return the schema of the health route."""
    portfolios = {"type": "array", "items": {"type": "string"}}
    return _object({"status": {"const": "ok"}, "portfolios": portfolios})


def _problems(field: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "What is wrong, by field or header; `body` stands for the whole",
        "additionalProperties": {"type": "string"},
        "examples": [{field: "missing"}],
    }


def _problem_of(schema: str) -> dict[str, Any]:
    return _content(schema, "application/problem+json")


def _content(schema: str, media_type: str) -> dict[str, Any]:
    return {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _correlation() -> dict[str, Any]:
    return {"X-Correlation-Id": {"schema": {"type": "string"}}}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
