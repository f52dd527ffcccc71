"""What anybody may read: whether the service lives, and what an application must hold.

It has no rights in AWS at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from solvencia import contracts_api, gateway, portfolio
from solvencia.gateway import Problem, Reply


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one API Gateway request by its route."""
    return gateway.respond(event, _route)


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
    headers = {"Content-Type": "application/schema+json", "Cache-Control": "max-age=300"}
    return Reply(200, contracts_api.request_schema(product), headers, {"portfolio": product.name})


ROUTES: Mapping[str, Callable[[gateway.Event], Reply]] = {
    "/health": _health,
    "/v1/{portfolio}/schema": _schema,
}
