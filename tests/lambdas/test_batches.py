"""Batches, through API Gateway, Lambda and Step Functions of the embedded AWS."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import uuid
from typing import Any

import pytest

from tests.lambdas.conftest import Deployed

BUCKET = "solvencia-data-000000000000-us-east-1"
INBOX = "batches/consumer_credit/inbox/"


def ask(
    stack: Deployed, path: str, body: object = None, **headers: str
) -> tuple[int, dict[str, str], dict[str, Any]]:
    """POST a body, or GET without one; return status, headers (lower case) and the JSON answer."""
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(
        f"{stack.outputs['api_url']}/v1/{path}",
        data=data,
        headers={
            "x-api-key": stack.outputs["api_key"],
            "Content-Type": "application/json",
            **headers,
        },
    )
    try:
        reply = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        reply = error
    with reply:
        named = {name.lower(): text for name, text in reply.headers.items()}
        return reply.status, named, json.load(reply)


def wait(stack: Deployed, batch: str) -> dict[str, Any]:
    """Return a batch's status once it does not run any more."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        status, _, found = ask(stack, f"consumer_credit/batches/{batch}")
        assert status == 200
        if found["status"] != "running":
            return found
        time.sleep(0.2)
    raise AssertionError(f"batch {batch} did not end")


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        (b"{", 400, None),
        ([], 422, "body"),
        ({}, 422, "body"),
        ({"file": "a.csv", "query": "SELECT 1"}, 422, "body"),
        ({"file": "../secret.csv"}, 422, "file"),
        ({"file": "a.exe"}, 422, "file"),
        ({"file": 7}, 422, "file"),
        ({"query": "DROP TABLE application"}, 422, "query"),
        ({"query": "SELECT * FROM solvencia_german_loans.application"}, 422, "query"),
        ({"file": "a.csv", "portfolio": "german_loans"}, 422, "portfolio"),
    ],
)
def test_what_names_no_input_is_refused(
    stack: Deployed, body: object, status: int, named: str | None
) -> None:
    """Nothing starts, and the answer names the member."""
    found, headers, problem = ask(stack, "consumer_credit/batches", body)

    assert found == status
    assert headers["content-type"] == "application/problem+json"
    assert named is None or named in problem["problems"]


def test_a_batch_is_accepted_and_its_failure_told(stack: Deployed) -> None:
    """Without a live model there is no score: the status says so, and where to begin."""
    stack.client("s3").put_object(Bucket=BUCKET, Key=f"{INBOX}a.csv", Body=b"x\n")
    status, headers, started = ask(stack, "consumer_credit/batches", {"file": "a.csv"})
    found = wait(stack, started["batch_id"])

    assert status == 202
    assert headers["location"] == started["links"]["self"]
    assert found["status"] == "failed"
    assert found["reason"].startswith("no model of consumer_credit is live")


def test_the_same_key_gives_the_same_batch_once(stack: Deployed) -> None:
    """A repeated request starts nothing; another body under the same key is a conflict."""
    key = {"Idempotency-Key": f"k-{uuid.uuid4()}"}
    first, again, other = (
        ask(stack, "consumer_credit/batches", {"file": name}, **key)
        for name in ("b.csv", "b.csv", "c.csv")
    )
    machine = "arn:aws:states:us-east-1:000000000000:stateMachine:solvencia-batch"
    listed = stack.client("stepfunctions").list_executions(stateMachineArn=machine)["executions"]

    assert (first[0], again[0], other[0]) == (202, 202, 409)
    assert first[2]["batch_id"] == again[2]["batch_id"]
    assert [each["name"] for each in listed].count(first[2]["batch_id"]) == 1


@pytest.mark.parametrize("batch", ["nobody", str(uuid.uuid4())])
def test_an_unknown_batch_is_not_found(stack: Deployed, batch: str) -> None:
    """Neither a text that is no id nor an id that was never given."""
    status, _, problem = ask(stack, f"consumer_credit/batches/{batch}")

    assert status == 404
    assert problem["title"] == "Unknown batch"


def test_a_batch_belongs_to_its_portfolio(stack: Deployed) -> None:
    """Another portfolio does not know it."""
    _, _, started = ask(stack, "consumer_credit/batches", {"file": "b.csv"})
    status, _, _ = ask(stack, f"german_loans/batches/{started['batch_id']}")

    assert status == 404


def test_a_key_that_is_none_is_refused(stack: Deployed) -> None:
    """An idempotency key has 1 to 64 letters, digits, _ or -."""
    status, _, problem = ask(
        stack, "consumer_credit/batches", {"file": "b.csv"}, **{"Idempotency-Key": "a b"}
    )

    assert status == 400
    assert "Idempotency-Key" in problem["problems"]
