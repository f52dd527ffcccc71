"""The API as a client meets it: health, keys, the schema, and one score that is logged."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

from deployment.smoke.application import example
from deployment.smoke.line import FAILED, LOOK, OK, Deployment, Line, judge

PERSON = "smoke-test"  # whose decisions `make person PERSON=smoke-test DO=erase` forgets
TIMEOUT_SECONDS = 40


def health(deployed: Deployment) -> Iterator[Line]:
    """Gateway and function answer."""
    status, _ = ask(deployed, "/health")
    problems = [] if status == 200 else [f"it answers {status}"]
    step = f"look at the log groups /aws/apigateway/{deployed.stack} and {deployed.stack}-site"
    yield judge("API health", problems, f"{deployed.api_url}/health answers 200", step)


def closed(deployed: Deployment) -> Iterator[Line]:
    """Nobody gets a score without a key, or with a wrong one."""
    for what, key in (("without a key", ""), ("with a wrong key", uuid.uuid4().hex)):
        for portfolio in deployed.portfolios[:1]:
            status, _ = ask(deployed, f"/v1/{portfolio}/score", {}, key)
            problems = [] if status == 403 else [f"it answers {status}"]
            step = "take the stage away at once (PublicForm = false, disable the key); deploy again"
            yield judge(f"API {what}", problems, "403", step)


def scores(deployed: Deployment) -> Iterator[Line]:
    """With the key each portfolio tells its schema, scores, and reads its decision again."""
    found = deployed.client("apigateway").get_api_key(
        apiKey=deployed.outputs["ApiKeyId"], includeValue=True
    )
    for portfolio in deployed.portfolios:
        yield from _score(deployed, portfolio, found["value"])


def _score(deployed: Deployment, portfolio: str, key: str) -> Iterator[Line]:
    status, schema = ask(deployed, f"/v1/{portfolio}/schema", None, key)
    step = f"look at the log group /aws/lambda/{deployed.stack}-site"
    if status != 200:
        yield Line(FAILED, f"schema of {portfolio}", f"it answers {status}", step)
        return
    yield Line(OK, f"schema of {portfolio}", f"{len(schema['properties'])} fields")
    status, made = ask(deployed, f"/v1/{portfolio}/score", example(schema), key)
    what = f"score of {portfolio}"
    step = f"look at the log group /aws/lambda/{deployed.stack}-score"
    if status == 503:
        step = f"run build_model_{portfolio} where no model was deployed yet; else {step}"
        yield Line(LOOK, what, f"503: {made.get('detail', '')}", step)
        return
    if status != 200:
        detail = made.get("detail", made.get("title", ""))
        yield Line(FAILED, what, f"it answers {status}: {detail}", step)
        return
    yield Line(OK, what, f"200, model {made['model']['digest'][:12]}, of a made-up application")
    status, read = ask(deployed, f"/v1/decisions/{made['decision_id']}", None, key)
    is_same = status == 200 and all(read.get(name) == made[name] for name in ("points", "decision"))
    problems = [] if is_same else [f"{made['decision_id']} reads back as {status}"]
    step = f"look at the table {deployed.stack}-decisions"
    yield judge(f"decision of {portfolio}", problems, f"{made['decision_id']} is logged", step)


def ask(
    deployed: Deployment, path: str, body: object = None, key: str = ""
) -> tuple[int, dict[str, Any]]:
    """Return status and JSON of one request; OSError where nothing answers."""
    request = urllib.request.Request(  # noqa: S310 - the stack's own address
        deployed.api_url + path,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Content-Type": "application/json",
            "User-Agent": "solvencia-smoke",
            "X-Person-Id": PERSON,
            **({"x-api-key": key} if key else {}),
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as reply:  # noqa: S310
            return reply.status, _json(reply.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _json(error.read())


def _json(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
