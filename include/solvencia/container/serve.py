"""`serve`: scores with reasons over HTTP, as a SageMaker endpoint asks for them."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from solvencia import explain, features, lineage, model, portfolio, scorecard
from solvencia.clean import clean
from solvencia.container.folders import Folders

APPLICATIONS_MAX = 10_000
DRAIN_SECONDS = 30


class Refusal(Exception):
    """A request that cannot be scored, with its HTTP status and JSON body."""

    def __init__(self, status: int, error: str, problems: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error, **({"problems": dict(problems)} if problems else {})}


def run(folders: Folders) -> None:
    """Load the model, then listen until SIGTERM; requests under way are answered first."""
    signal.signal(signal.SIGTERM, _leave)
    trained = model.load(folders.model)
    product = portfolio.load(trained.portfolio)
    model.check_rules(trained, product)
    print(f"model {trained.digest[:12]} of {product.name} {trained.period} is loaded", flush=True)
    uvicorn.run(
        build_app(trained, product),
        host=os.environ.get("SAGEMAKER_BIND_HOST", "0.0.0.0"),  # noqa: S104 - inside a container
        port=int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080")),
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


def build_app(trained: model.Model, product: portfolio.Portfolio) -> Starlette:
    """Return the application that serves one loaded model."""

    async def ping(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def invoke(request: Request) -> Response:
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != "application/json":
            return JSONResponse({"error": "send Content-Type application/json"}, 415)
        try:
            body = _parse(await request.body())
            answer = await run_in_threadpool(score, trained, product, body)
        except Refusal as refusal:
            return JSONResponse(refusal.body, refusal.status)
        return JSONResponse(answer)

    return Starlette(
        routes=[
            Route("/ping", ping, methods=["GET"]),
            Route("/invocations", invoke, methods=["POST"]),
        ]
    )


def score(trained: model.Model, product: portfolio.Portfolio, body: object) -> dict[str, Any]:
    """Score {"fingerprint", "applications": [{field: value}]}; raise Refusal with 400 or 409."""
    applications = _read_applications(trained, product, body)
    columns = {
        each.name: np.fromiter((row.get(each.name) for row in applications), dtype=object)
        for each in product.request_fields
    }
    cleaned = clean(product, columns)
    if cleaned.reasons:
        problems = {
            f"applications[{row}].{field}": reason
            for row, reasons in cleaned.reasons.items()
            for field, reason in (each.split(": ", 1) for each in reasons)
        }
        raise Refusal(400, "applications break the portfolio's rules", problems)
    matrix = features.build(product, cleaned.columns, trained.features)
    contributions, _ = explain.contributions(trained, matrix)
    return {
        "model": {
            "digest": trained.digest,
            "period": trained.period,
            "fingerprint": trained.fingerprint,
            "code": lineage.code_digest(product.name),
        },
        "scores": [
            {
                "pd": pd,
                "points": scorecard.to_points(trained.scaling, pd),
                "reasons": [
                    {"field": each.field, "code": each.code, "contribution": each.contribution}
                    for each in explain.rank(product, trained.features, row)
                ],
            }
            for pd, row in zip(trained.predict(matrix).tolist(), contributions, strict=True)
        ],
    }


def _parse(raw: bytes) -> object:
    try:
        return json.loads(raw, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Refusal(400, "the body is not JSON") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _read_applications(
    trained: model.Model, product: portfolio.Portfolio, body: object
) -> list[dict[str, Any]]:
    if not isinstance(body, dict):
        raise Refusal(400, "the body must be an object with fingerprint and applications")
    if body.get("fingerprint") != trained.fingerprint:
        raise Refusal(
            409,
            "the caller's portfolio differs from the model's: deploy both from the same release "
            f"(the model's fingerprint is {trained.fingerprint})",
        )
    applications = body.get("applications")
    if not isinstance(applications, list) or not 0 < len(applications) <= APPLICATIONS_MAX:
        raise Refusal(400, f"applications must be a list of 1 to {APPLICATIONS_MAX} objects")
    known = {each.name for each in product.request_fields}
    problems: dict[str, str] = {}
    for row, each in enumerate(applications):
        if not isinstance(each, dict):
            problems[f"applications[{row}]"] = "must be an object of fields"
            continue
        problems |= {
            f"applications[{row}].{name}": "unknown field" for name in each if name not in known
        }
    if problems:
        raise Refusal(400, "applications do not have the portfolio's fields", problems)
    return applications


def _leave(signum: int, frame: object) -> None:
    sys.exit(0)
