"""The door of the embedded AWS: it checks no signature, so no web page may talk to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from local.aws import mail

Application = Callable[..., Awaitable[None]]


def guard(application: Application) -> Application:
    """Answer 403 to HTTP requests that a foreign page or a rebound name brings here."""

    async def guarded(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not (reason := why_refused(scope["path"], scope["headers"])):
            await application(scope, receive, send)
            return
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": f"{reason}\n".encode()})

    return guarded


def why_refused(path: str, headers: list[tuple[bytes, bytes]]) -> str:
    """Return why a request is refused, empty if it is not."""
    given = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
    if not is_local(f"//{given.get('host', '')}"):
        return "embedded AWS: only 127.0.0.1 and localhost are names of this server"
    if "origin" in given:
        is_foreign = not is_local(given["origin"])
    else:  # a GET from a link or an <img> names no origin, and can create too: ?Action=CreateStack
        is_page = path == mail.PATH or path.startswith(f"{mail.PATH}/")
        is_foreign = given.get("sec-fetch-site") == "cross-site" and not is_page
    return "embedded AWS: web pages of other sites may not call this server" if is_foreign else ""


def is_local(url: str) -> bool:
    """Tell whether a URL's host is this machine; browsers resolve `*.localhost` to nothing else."""
    try:
        name = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return name in ("127.0.0.1", "localhost") or name.endswith(".localhost")
