"""API Gateway's proxy events: read a request, answer it or say what is wrong, and log ids alone."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from solvencia import portfolio
from solvencia.portfolio import Portfolio

type Event = Mapping[str, Any]

FORM = "form"  # who asks through the public form, in the place of an API key's id

TOKENS = {
    "Idempotency-Key": re.compile(r"[A-Za-z0-9_-]{1,64}"),
    "X-Person-Id": re.compile(r"[A-Za-z0-9_.-]{1,64}"),
    "X-Correlation-Id": re.compile(r"[A-Za-z0-9_.-]{1,64}"),
}
_SPELT = {
    "Idempotency-Key": "write 1 to 64 letters, digits, - or _",
    "X-Person-Id": "write 1 to 64 letters, digits, -, _ or .",
    "X-Correlation-Id": "write 1 to 64 letters, digits, -, _ or .",
}
_LEVELS = {4: "WARNING", 5: "ERROR"}  # by the first digit of the status


class Problem(Exception):
    """A request that is not answered, as the client is told. Source: RFC 9457."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        problems: Mapping[str, str] | None = None,
        retry_seconds: int | None = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
        self.problems = dict(problems or {})
        self.retry_seconds = retry_seconds


@dataclass(frozen=True)
class Caller:
    """What a request says of itself beside its body; what it leaves out is empty."""

    key_id: str
    idempotency_key: str
    person_id: str
    accepts: str  # its Accept-Language


@dataclass(frozen=True)
class Reply:
    """A JSON answer; `noted` are ids for the log line."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    noted: Mapping[str, str] = field(default_factory=dict)


def respond(event: Event, route: Callable[[Event], Reply]) -> dict[str, Any]:
    """Answer a proxy event by a route; a Problem becomes problem+json, any other fault is raised.

    Writes one line of JSON to the log, with ids, status and time, and never a value of the body.
    """
    started = time.monotonic()
    correlation_id = _name_correlation(event)
    headers = {"Cache-Control": "no-store", "X-Correlation-Id": correlation_id}
    noted: Mapping[str, str] = {}
    status = 500
    try:
        found = route(event)
        status, body, noted = found.status, dict(found.body), found.noted
        headers |= {"Content-Type": "application/json", **found.headers}
    except Problem as problem:
        status, noted = problem.status, {"title": str(problem)}
        named = {"problems": problem.problems} if problem.problems else {}
        body = {**problem.body, **named, "correlation_id": correlation_id}
        headers["Content-Type"] = "application/problem+json"
        if problem.retry_seconds is not None:
            headers["Retry-After"] = str(problem.retry_seconds)
    finally:
        line = {
            "level": _LEVELS.get(status // 100, "INFO"),
            "correlation_id": correlation_id,
            "route": f"{event.get('httpMethod')} {event.get('resource')}",
            "status": status,
            "milliseconds": round((time.monotonic() - started) * 1000),
            **noted,
        }
        print(json.dumps(line), flush=True)
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}


def find_portfolio(event: Event) -> Portfolio:
    """Return the portfolio that the path names; 404 with those that there are."""
    name = (event.get("pathParameters") or {}).get("portfolio", "")
    if name not in portfolio.names():
        known = ", ".join(portfolio.names())
        raise Problem(404, "Unknown portfolio", f"known: {known}")
    return portfolio.load(name)


def read_caller(event: Event) -> Caller:
    """Return what the headers say; 400 naming each that is malformed, an empty one too.

    The form's callers are anonymous to us: 403 unless the page that asks is our own.
    """
    problems = {
        name: _SPELT[name]
        for name, token in TOKENS.items()
        if (text := _find_header(event, name)) is not None and not token.fullmatch(text)
    }
    if problems:
        raise Problem(400, "Invalid header", f"see {', '.join(sorted(problems))}", problems)
    is_form = str(event.get("resource", "")).startswith("/apply/")
    if is_form and not _is_same_origin(event):
        raise Problem(403, "Another origin", "send the form from its own page, or use an API key")
    identity = (event.get("requestContext") or {}).get("identity") or {}
    return Caller(
        key_id=FORM if is_form else str(identity.get("apiKeyId") or ""),
        idempotency_key=read_header(event, "Idempotency-Key"),
        person_id="" if is_form else read_header(event, "X-Person-Id"),
        accepts=read_header(event, "Accept-Language"),
    )


def read_header(event: Event, name: str) -> str:
    """Return a header whatever its case, empty when it is absent."""
    return _find_header(event, name) or ""


def _find_header(event: Event, name: str) -> str | None:
    headers = event.get("headers") or {}
    wanted = name.lower()
    return next((str(text) for key, text in headers.items() if key.lower() == wanted), None)


def _name_correlation(event: Event) -> str:
    """Return the client's own id where it is well-formed, else API Gateway's of the request."""
    given = read_header(event, "X-Correlation-Id")
    if TOKENS["X-Correlation-Id"].fullmatch(given):
        return given
    return str((event.get("requestContext") or {}).get("requestId", ""))


def _is_same_origin(event: Event) -> bool:
    """Whether a browser says that our own page sends this; an older one names its origin."""
    site = read_header(event, "Sec-Fetch-Site")
    if site:
        return site == "same-origin"
    origin, host = read_header(event, "Origin"), read_header(event, "Host")
    return bool(host) and origin.partition("://")[2] == host
