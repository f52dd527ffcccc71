"""Serve the form's page and its assets; it has no permission on AWS, and needs none."""

from __future__ import annotations

from typing import Any

from solvencia.site import reply


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer GET /apply/{portfolio} and GET /apply/{portfolio}/{asset}."""
    path = event["pathParameters"]
    language = (event.get("queryStringParameters") or {}).get("language", "")
    return reply.answer(path.get("asset", ""), path["portfolio"], language, event.get("headers"))
