"""The body of a request: JSON of one application, refused with its fault before all else."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, NoReturn

from solvencia import request
from solvencia.gateway import Problem, read_header
from solvencia.portfolio import Portfolio
from solvencia.request import InvalidRequest, Value

MEDIA_TYPE = "application/json"
BYTES_MAX = 65_536  # an application of a hundred fields has a tenth of it


def read_application(event: Mapping[str, Any], product: Portfolio) -> dict[str, Value]:
    """Return the checked application; a Problem of 400, 413, 415 or 422 where there is none."""
    try:
        return request.parse(product, read_json(event))
    except InvalidRequest as error:
        raise Problem(422, "Invalid application", str(error), error.problems) from None


def read_json(event: Mapping[str, Any]) -> object:
    """Return the body's JSON value; NaN, infinities and names given twice are no JSON here.

    No detail repeats what the body says.
    """
    _check_type(read_header(event, "Content-Type"))
    body = event.get("body") or ""
    if len(body) > BYTES_MAX:  # as text or in base 64: either way more than an application is
        raise Problem(413, "Too long", f"send {BYTES_MAX:,} bytes at most")
    try:
        text = base64.b64decode(body).decode() if event.get("isBase64Encoded") else body
        return json.loads(text, parse_constant=_refuse, object_pairs_hook=_build)
    except json.JSONDecodeError as error:
        raise Problem(
            400,
            "Not JSON",
            f"the body is not a JSON document: look at line {error.lineno}, column {error.colno}",
        ) from None
    except _Refused as error:
        raise Problem(400, "Not JSON", str(error)) from None
    except (ValueError, RecursionError):
        raise Problem(
            400, "Not JSON", "the body is not a JSON document in UTF-8 that can be read"
        ) from None


class _Refused(ValueError):
    """JSON that parsers read in different ways."""


def _check_type(content_type: str) -> None:
    kind, _, parameters = content_type.partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if kind.strip().lower() != MEDIA_TYPE or charset not in ("", "utf-8"):
        raise Problem(415, "Unsupported media type", f"send Content-Type: {MEDIA_TYPE}, in UTF-8")


def _refuse(name: str) -> NoReturn:
    raise _Refused(f"{name} is not JSON: send a number, or null")


def _build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Refused("the body gives a name twice: which one counts is open")
    return found
