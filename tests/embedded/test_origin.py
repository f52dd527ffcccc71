"""No web page can use the embedded AWS through its reader's browser."""

from __future__ import annotations

import http.client
import json
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest


def create_topic(server: Any, method: str, **headers: str) -> tuple[int, str]:
    """Ask for a topic as a page's simple request can; return the status and the topic's name."""
    name = f"origin-{uuid.uuid4().hex[:8]}"
    query = urlencode({"Action": "CreateTopic", "Version": "2010-03-31", "Name": name})
    path, body = ("/", query) if method == "POST" else (f"/?{query}", None)
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    given = {key.replace("_", "-"): value for key, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(method, path, body, kind | given)
    answer = connection.getresponse()
    answer.read()
    return answer.status, name


def topics(aws: Callable[[str], Any]) -> set[str]:
    pages = aws("sns").get_paginator("list_topics").paginate()
    return {each["TopicArn"].split(":")[-1] for page in pages for each in page["Topics"]}


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", {"Origin": "https://example.com"}),
        ("POST", {"Origin": "http://127.0.0.1.example.com"}),
        ("POST", {"Origin": "null"}),
        ("POST", {"Host": "example.com:4566"}),
        ("POST", {"Host": "sns.localhost.localstack.cloud:4566"}),
        ("GET", {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}),
    ],
)
def test_a_foreign_page_is_refused(
    server: Any, aws: Callable[[str], Any], method: str, headers: dict[str, str]
) -> None:
    """Its origin, a name rebound to 127.0.0.1, or a cross-site GET: 403, and nothing is made."""
    status, name = create_topic(server, method, **headers)

    assert status == 403
    assert name not in topics(aws)


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST", {}),
        ("GET", {}),
        ("POST", {"Origin": "http://localhost:8080"}),
        ("POST", {"Host": "localhost:4566"}),
        ("POST", {"Host": "sns.localhost:4566"}),
    ],
)
def test_an_ordinary_request_works(
    server: Any, aws: Callable[[str], Any], method: str, headers: dict[str, str]
) -> None:
    """What comes from this machine under its own names is answered."""
    status, name = create_topic(server, method, **headers)

    assert status == 200
    assert name in topics(aws)


def test_the_mailbox_can_be_linked_to(server: Any) -> None:
    """A link on another page opens it, and only it."""
    statuses = {}
    for path in ("/_mailbox", "/_mailboxes"):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("GET", path, headers={"Sec-Fetch-Site": "cross-site"})
        statuses[path] = connection.getresponse().status

    assert statuses == {"/_mailbox": 200, "/_mailboxes": 403}


def test_an_application_is_told_why(server: Any) -> None:
    """The refusal is one line of text."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("POST", "/", json.dumps({}), {"Origin": "https://example.com"})

    text = connection.getresponse().read().decode()
    assert text == "embedded AWS: web pages of other sites may not call this server\n"
