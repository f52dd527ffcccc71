"""A served model, and how tests ask it."""

from __future__ import annotations

import http.client
import json
import socket
import time
from contextlib import contextmanager

from conftest import run_container


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(base, **env: str):
    port = free_port()
    process = run_container(
        base, "serve", SAGEMAKER_BIND_HOST="127.0.0.1", SAGEMAKER_BIND_TO_PORT=str(port), **env
    )
    try:
        for _ in range(300):
            try:
                ask(port, "GET", "/ping")
                break
            except OSError:
                assert process.poll() is None, process.communicate()[1]
                time.sleep(0.1)
        yield port, process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def ask(port: int, method: str, path: str, body: bytes = b"", **headers: str):
    """Return status, headers and body."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        line.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
        answer = line.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        line.close()


def post(port: int, body: bytes, kind: str = "application/json", **headers: str):
    """Return status and JSON of an invocation."""
    status, _, found = ask(port, "POST", "/invocations", body, Content_Type=kind, **headers)
    return status, json.loads(found)


def post_batch(port: int, body: bytes, kind: str, fingerprint: str):
    """Return status and the objects of a batch's lines."""
    attributes = {"X_Amzn_SageMaker_Custom_Attributes": f"fingerprint={fingerprint}"}
    status, _, found = ask(port, "POST", "/invocations", body, Content_Type=kind, **attributes)
    return status, [json.loads(line) for line in found.splitlines()]
