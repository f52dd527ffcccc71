"""moto, in this process, for what neither ministack nor we run; imported when first needed."""

from __future__ import annotations

import asyncio
import functools
import threading
from typing import Any
from urllib.parse import urlencode

from local.aws import lifecycle
from local.aws.clients import Reply
from local.aws.config import Config

SERVICES = ("application-autoscaling", "servicequotas")
DROPPED_REQUEST = ("content-length", "transfer-encoding")
DROPPED_ANSWER = ("content-length", "server", "date", "connection")

_lock = threading.Lock()


@functools.cache
def _server() -> Any:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.test import Client

    return Client(DomainDispatcherApplication(create_backend_app))


def _call(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
) -> Reply:
    with _lock:
        response = _server().open(
            path,
            method=method,
            headers=[(key, value) for key, value in headers.items() if key not in DROPPED_REQUEST],
            data=body,
            query_string=urlencode(query, doseq=True),
        )
    answered = {
        key: value for key, value in response.headers.items() if key.lower() not in DROPPED_ANSWER
    }
    return response.status_code, answered, response.data


async def handle_request(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
) -> Reply:
    """Answer a request as ministack's services do."""
    return await asyncio.to_thread(_call, method, path, headers, body, query)


def install(config: Config) -> None:
    """Put moto's services in the server's table of services."""
    for name in SERVICES:
        lifecycle.add_service(name, handle_request)
