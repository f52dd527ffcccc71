"""What anybody may read: the form, what an application must hold, and whether the service lives.

It has no rights in AWS at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from solvencia import contracts_api, gateway, portfolio
from solvencia.gateway import Problem, Reply
from solvencia.site import reply


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one API Gateway request by its route."""
    if str(event.get("resource")).startswith("/apply/"):
        return _form(event)
    return gateway.respond(event, _route)


def _form(event: gateway.Event) -> dict[str, Any]:
    """Return the form's page, or one of its files."""
    path = event["pathParameters"]
    language = (event.get("queryStringParameters") or {}).get("language", "")
    return reply.answer(path.get("file", ""), path["portfolio"], language, event.get("headers"))


def _route(event: gateway.Event) -> Reply:
    route = ROUTES.get(str(event.get("resource")))
    if route is None:
        raise Problem(404, "Unknown route", f"known: {', '.join(ROUTES)}")
    return route(event)


def _health(event: gateway.Event) -> Reply:
    """Say that gateway and function answer; alarms watch what lies behind them."""
    return Reply(200, {"status": "ok", "portfolios": list(portfolio.names())})


def _schema(event: gateway.Event) -> Reply:
    """Return the JSON Schema of an application, as the score route reads it."""
    product = gateway.find_portfolio(event)
    gateway.read_caller(event)
    headers = {"Content-Type": "application/schema+json", "Cache-Control": "max-age=300"}
    return Reply(200, contracts_api.request_schema(product), headers, {"portfolio": product.name})


ROUTES: Mapping[str, Callable[[gateway.Event], Reply]] = {
    "/health": _health,
    "/v1/{portfolio}/schema": _schema,
}
