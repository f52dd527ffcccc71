"""What the site function answers below `/apply/{portfolio}`: the page, or one of its assets."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from solvencia import portfolio
from solvencia.decision import LANGUAGES, pick_language
from solvencia.site import assets, page

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
SAFETY = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"

_ADDRESS = re.compile(r"([a-z_]+)(?:\.([0-9a-f]{16}))?(\.[a-z]+)")


def answer(
    asset: str, name: str, language: str, headers: Mapping[str, str] | None
) -> dict[str, Any]:
    """Return the proxy reply to a GET: `asset` is empty for the page itself.

    `language` is the one asked for in the address; without it Accept-Language decides. An asset
    of an older digest is answered by today's, which then may not be kept.
    """
    given = {key.lower(): text for key, text in (headers or {}).items()}
    if name not in portfolio.names():
        return _missing("Unknown portfolio", f"known: {', '.join(portfolio.names())}")
    if not asset:
        spoken = language if language in LANGUAGES else ""
        spoken = spoken or pick_language(given.get("accept-language", ""))
        more = {"Content-Language": spoken, "Vary": "Accept-Language"}
        return _serve(page.render(name, spoken), "text/html; charset=utf-8", ASK_AGAIN, given, more)
    parts = _ADDRESS.fullmatch(asset)
    found = assets.assets().get(f"{parts[1]}{parts[3]}") if parts else None
    if not parts or not found:
        return _missing("Unknown file", "the form's page names every file it needs")
    keeping = FOR_EVER if parts[2] == found.digest else ASK_AGAIN
    return _serve(found.text, found.content_type, keeping, given, {})


def _serve(
    text: str,
    content_type: str,
    keeping: str,
    given: Mapping[str, str],
    more: Mapping[str, str],
) -> dict[str, Any]:
    tag = f'"{assets.digest(text)}"'
    headers = {"ETag": tag, "Cache-Control": keeping, **SAFETY, **more}
    known = given.get("if-none-match", "")
    if tag in [each.strip().removeprefix("W/") for each in known.split(",")]:
        return {"statusCode": 304, "headers": headers, "body": ""}
    return {"statusCode": 200, "headers": {"Content-Type": content_type, **headers}, "body": text}


def _missing(title: str, detail: str) -> dict[str, Any]:
    """Return a reply that says what is not there. Source: RFC 9457."""
    body = {"type": "about:blank", "title": title, "status": 404, "detail": detail}
    headers = {"Content-Type": "application/problem+json", "Cache-Control": "no-store", **SAFETY}
    return {"statusCode": 404, "headers": headers, "body": json.dumps(body)}
