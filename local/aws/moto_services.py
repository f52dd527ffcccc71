"""moto, in this process, for what neither ministack nor we run; imported when first needed."""

from __future__ import annotations

import asyncio
import functools
import pickle
import threading
from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import urlencode

from local.aws import lifecycle
from local.aws.clients import Reply
from local.aws.config import ACCOUNT, REGION, Config

SERVICES = ("application-autoscaling", "servicequotas")
DROPPED_REQUEST = ("content-length", "transfer-encoding")
DROPPED_ANSWER = ("content-length", "server", "date", "connection")

_lock = threading.Lock()


@functools.cache
def _server() -> Any:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.test import Client

    return Client(DomainDispatcherApplication(create_backend_app))


@functools.cache
def sagemaker_backend() -> Any:
    """moto's SageMaker of our account: model packages and their groups live in it."""
    from moto.sagemaker.models import sagemaker_backends

    return sagemaker_backends[ACCOUNT][REGION]


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


class ModelRegistry:
    """Keeps moto's model packages over a restart."""

    def get_state(self) -> Any:
        """Return the packages as text; None if moto's SageMaker was never asked."""
        if sagemaker_backend.cache_info().currsize == 0 and _server.cache_info().currsize == 0:
            return None
        kept = {
            name: value
            for name, value in vars(sagemaker_backend()).items()
            if name.startswith("model_package")
        }
        return {"pickle": b64encode(pickle.dumps(kept)).decode()}

    def load_persisted_state(self, state: Any) -> None:
        """Take over kept packages; the file is our own, in the state folder."""
        vars(sagemaker_backend()).update(pickle.loads(b64decode(state["pickle"])))  # noqa: S301


def install(config: Config) -> None:
    """Put moto's services in the server's table of services."""
    for name in SERVICES:
        lifecycle.add_service(name, handle_request)
    lifecycle.keep("sagemaker_model_packages", ModelRegistry())
