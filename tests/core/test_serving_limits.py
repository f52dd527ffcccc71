from __future__ import annotations

import json
import os
import signal
import socket
import time

import pytest
from serving import ask, post, serving

from solvencia import lineage


@pytest.fixture
def raw(consumer_credit, application):
    body = {"fingerprint": consumer_credit.fingerprint, "applications": [application]}
    return json.dumps(body).encode()


def request_of(raw: bytes, rows: int = 1) -> bytes:
    head = "POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(raw)}\r\n\r\n".encode() + raw


def test_termination_answers_what_is_under_way(trained, raw):
    """After SIGTERM /ping says 503, a request already begun is answered, and the end is 0."""
    whole = request_of(raw)
    with (
        serving(trained[0], SOLVENCIA_WORKERS="1") as (port, process),
        socket.create_connection(("127.0.0.1", port), timeout=10) as caller,
    ):
        caller.sendall(whole[:-20])
        time.sleep(0.3)
        process.terminate()
        time.sleep(0.3)
        ping = ask(port, "GET", "/ping")[0]
        caller.sendall(whole[-20:])
        answer = caller.recv(65536)
        status = process.wait(timeout=10)

    assert ping == 503
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"Connection: close" in answer
    assert status == 0


def test_more_than_the_queue_holds_is_turned_away(trained, consumer_credit, application):
    """Beyond the queue's length callers get 503 and when to come again; the others an answer."""
    body = {"fingerprint": consumer_credit.fingerprint, "applications": [application] * 2000}
    long = request_of(json.dumps(body).encode())
    limits = {"SOLVENCIA_WORKERS": "1", "SOLVENCIA_QUEUE": "2"}
    with serving(trained[0], **limits) as (port, _):
        callers = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(4)]
        for each in callers:
            each.sendall(long)
        heads = [each.recv(300) for each in callers]
        for each in callers:
            each.close()

    assert sorted(each[9:12] for each in heads) == [b"200", b"200", b"503", b"503"]
    assert all((b"Retry-After: 1" in each) == (each[9:12] == b"503") for each in heads)


def test_a_body_beyond_the_limit_is_not_read(trained, raw):
    """A longer body than the server takes gets 413 with the limit."""
    limits = {"SOLVENCIA_WORKERS": "1", "SOLVENCIA_BODY_MIB": "0.0625"}
    with (
        serving(trained[0], **limits) as (port, _),
        socket.create_connection(("127.0.0.1", port), timeout=10) as caller,
    ):
        caller.sendall(request_of(raw + b" " * 70_000)[:200])
        answer = caller.recv(65536)

    assert answer.startswith(b"HTTP/1.1 413")
    assert b"0.0625 MiB" in answer


def test_a_killed_process_is_replaced(trained, raw):
    """When a process of the server dies another one takes its place."""
    with serving(trained[0], SOLVENCIA_WORKERS="1") as (port, process):
        children = f"/proc/{process.pid}/task/{process.pid}/children"
        with open(children) as file:
            os.kill(int(file.read().split()[0]), signal.SIGKILL)
        time.sleep(1.5)
        status, answer = post(port, raw)

    assert status == 200
    assert answer["model"]["code"] == lineage.code_digest("consumer_credit")
