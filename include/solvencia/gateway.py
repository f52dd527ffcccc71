"""API Gateway's proxy events: read a request's body and headers, write a reply or a problem."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, NoReturn

UNAVAILABLE = ("ThrottlingException", "ModelNotReadyException", "ServiceUnavailable")


class InvalidBody(ValueError):
    """The body is not a JSON document; the message never repeats it."""


def read_json(event: Mapping[str, Any]) -> object:
    """Return the body's JSON value; raise InvalidBody for what is no JSON, NaN among it."""
    try:
        body = event.get("body") or ""
        text = base64.b64decode(body).decode() if event.get("isBase64Encoded") else body
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise InvalidBody(
            f"the body is not a JSON document: look at line {error.lineno}, column {error.colno}"
        ) from None
    except (ValueError, RecursionError):
        raise InvalidBody("the body is not a JSON document that can be read") from None


def read_header(event: Mapping[str, Any], name: str) -> str:
    """Return a header whatever its case, empty when it is absent."""
    headers = event.get("headers") or {}
    return next((str(text) for key, text in headers.items() if key.lower() == name), "")


def reply(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """Return a proxy reply with a JSON body; scores are nobody's to cache."""
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json", "Cache-Control": "no-store", **headers},
        "body": json.dumps(body),
    }


def problem(
    status: int, title: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any
) -> dict[str, Any]:
    """Return a proxy reply that says what is wrong. Source: RFC 9457 (application/problem+json)."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return reply(status, body, {"Content-Type": "application/problem+json", **(headers or {})})


def is_unavailable(response: Mapping[str, Any]) -> bool:
    """Whether SageMaker has no model to ask, or one that was trained under other rules (409)."""
    code, is_stale = response["Error"]["Code"], response.get("OriginalStatusCode") == 409
    is_absent = code == "ValidationError" and "not found" in response["Error"]["Message"]
    return is_absent or is_stale or code in UNAVAILABLE


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
