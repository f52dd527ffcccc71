"""The batch routes' contract: OpenAPI of both routes and their answers, of one portfolio."""

from __future__ import annotations

from typing import Any

from solvencia import contracts_answers as answers
from solvencia.batch_query import QUERY_CHARACTERS_MAX
from solvencia.batch_rows import NAME_CHARACTERS_MAX, NAME_PATTERN
from solvencia.gateway import TOKENS
from solvencia.portfolio import Portfolio

_UUID = {"type": "string", "format": "uuid"}
_COUNT = {"type": "integer", "minimum": 0}


def paths(portfolio: Portfolio) -> dict[str, Any]:
    """Return the two routes' path items; they use the schemas of `schemas` and `Problem`."""
    start = f"/v1/{portfolio.name}/batches"
    return {
        start: {"post": _start(portfolio)},
        f"{start}/{{id}}": {"get": _find(portfolio)},
    }


def schemas(portfolio: Portfolio) -> dict[str, Any]:
    """Return what the routes take and answer."""
    file = {
        "type": "string",
        "pattern": NAME_PATTERN,
        "maxLength": NAME_CHARACTERS_MAX,
        "description": f"Name of a file in batches/{portfolio.name}/inbox/ of the data bucket: "
        ".csv, .csv.gz, .jsonl, .jsonl.gz or .parquet",
    }
    query = {
        "type": "string",
        "minLength": 1,
        "maxLength": QUERY_CHARACTERS_MAX,
        "description": "One SELECT over the portfolio's own tables in Athena",
    }
    return {
        "Batch": {
            "type": "object",
            "properties": {"file": file, "query": query},
            "oneOf": [{"required": ["file"]}, {"required": ["query"]}],
            "additionalProperties": False,
        },
        "BatchStarted": _object(
            {
                "batch_id": _UUID,
                "status": {"const": "running"},
                "links": _object({"self": {"type": "string"}}),
            }
        ),
        "BatchStatus": {"oneOf": [_running(), _failed(), _done(portfolio)]},
    }


def _running() -> dict[str, Any]:
    return _object({"batch_id": _UUID, "status": {"const": "running"}})


def _failed() -> dict[str, Any]:
    reason = {"type": "string", "description": "What failed, and what to do about it"}
    return _object({"batch_id": _UUID, "status": {"const": "failed"}, "reason": reason})


def _done(portfolio: Portfolio) -> dict[str, Any]:
    decisions = sorted({each.decision for each in portfolio.bands})
    model = ("version", "digest", "period", "fingerprint")
    return _object(
        {
            "batch_id": _UUID,
            "status": {"const": "done"},
            "rows_in": _COUNT,
            "scored": _COUNT,
            "bad": _COUNT,
            "by_decision": {"type": "object", "properties": dict.fromkeys(decisions, _COUNT)},
            "by_band": _object({each.name: _COUNT for each in portfolio.bands}),
            "model": _object({each: {"type": "string"} for each in model}),
            "policy_digest": {"type": "string"},
            "results": {
                "type": "object",
                "description": "Address of each file, which works for an hour and needs no key",
                "additionalProperties": {"type": "string", "format": "uri"},
            },
        }
    )


def _start(portfolio: Portfolio) -> dict[str, Any]:
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same key and body start one batch only",
        "schema": {"type": "string", "pattern": f"^{TOKENS['Idempotency-Key'].pattern}$"},
    }
    location = {"Location": {"schema": {"type": "string"}}}
    return {
        "operationId": f"start_batch_{portfolio.name}",
        "summary": "Score a file or a query's rows",
        "parameters": [key],
        "requestBody": {"required": True, "content": answers.json_of("Batch")},
        "responses": {
            "202": {
                "description": "The batch runs",
                "headers": location,
                "content": answers.json_of("BatchStarted"),
            },
            **answers.refusals("400", "403", "404", "409", "413", "415", "422"),
            **answers.failures("429", "502", "504"),
        },
    }


def _find(portfolio: Portfolio) -> dict[str, Any]:
    return {
        "operationId": f"find_batch_{portfolio.name}",
        "summary": "Ask how far a batch is, and where its result lies",
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": answers.UUID}],
        "responses": {
            "200": {"description": "Its status", "content": answers.json_of("BatchStatus")},
            **answers.refusals("400", "403", "404"),
            **answers.failures("429", "502", "504"),
        },
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}
