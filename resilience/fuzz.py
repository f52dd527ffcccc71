"""Broken and whole bodies against the score function, and through the gateway; every answer judged.

A 200 must stand in the decision log as it was answered, and nothing else may stand there.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import importlib.util
import io
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

from resilience import bodies
from resilience.bodies import SECRET, Attempt
from resilience.cloud import Answer, Cloud
from solvencia import contracts
from solvencia.portfolio import Portfolio

FAULTS_MAX = 20  # that a tally spells out
BUSY = 429
LOGGED = ("decision", "decided_at", "person_id", "code_digest", "policy_digest")
PROBLEM = {"type", "title", "status", "detail", "correlation_id"}

type Handler = Callable[[dict[str, Any], object], dict[str, Any]]


@dataclass
class Tally:
    """What came of the attempts: answers by kind and status, and what is wrong with them."""

    counts: Counter[tuple[str, int]] = field(default_factory=Counter)
    decided: dict[str, dict[str, Any]] = field(default_factory=dict)  # answers of 200 by their id
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def attempts(self) -> int:
        """How many bodies were sent."""
        return sum(self.counts.values())

    def lines(self) -> list[str]:
        """Return a table of kinds and statuses for the terminal, the faults behind it."""
        statuses = sorted({status for _, status in self.counts})
        kinds = sorted({kind for kind, _ in self.counts})
        head = f"{'':<14}" + "".join(f"{status:>9}" for status in statuses)
        rows = [
            f"{kind:<14}" + "".join(f"{self.counts[kind, status] or '':>9}" for status in statuses)
            for kind in kinds
        ]
        sums = [sum(n for (_, found), n in self.counts.items() if found == s) for s in statuses]
        total = f"{'all':<14}" + "".join(f"{each:>9,}" for each in sums)
        told = [f"FAULT {each}" for each in self.faults[:FAULTS_MAX]]
        return [head, *rows, total, *told]


def against_handler(
    cloud: Cloud, handler: Handler, product: Portfolio, count: int, seed: int, longest: int
) -> Tally:
    """Hand `count` proxy events to the score function in this process, one after the other."""
    tally, before, started = Tally(), cloud.logged(), time.monotonic()
    schema = schema_of(product)
    for number, each in enumerate(bodies.draw(product, count, seed, longest)):
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                reply = handler(_event(product, each, number), None)
            answer = Answer(
                reply["statusCode"],
                {name.lower(): text for name, text in reply["headers"].items()},
                reply["body"].encode(),
            )
        except Exception as error:
            tally.counts[each.kind, 502] += 1
            tally.faults.append(f"{number} {each.kind}: the function raised {type(error).__name__}")
            continue
        _judge(tally, schema, number, each, answer)
        if SECRET in printed.getvalue() or printed.getvalue().count("\n") != 1:
            tally.faults.append(f"{number} {each.kind}: the log line is not one of ids alone")
    tally.seconds = time.monotonic() - started
    return _reconcile(tally, before, cloud.logged())


def against_gateway(
    cloud: Cloud, product: Portfolio, count: int, seed: int, longest: int, at_once: int = 4
) -> Tally:
    """Send `count` requests by HTTP; who is told to come back later does so."""
    tally, before, started = Tally(), cloud.logged(), time.monotonic()
    schema = schema_of(product)

    def send(each: Attempt) -> Answer | str:
        headers = {
            **each.headers,
            **({"Content-Type": each.content_type} if each.content_type else {}),
        }
        try:
            path = f"/v1/{product.name}/score"
            return cloud.ask_until_free("POST", path, each.raw, headers)
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__

    attempts = list(bodies.draw(product, count, seed, longest))
    with ThreadPoolExecutor(at_once) as pool:
        for number, (each, answer) in enumerate(
            zip(attempts, pool.map(send, attempts), strict=True)
        ):
            if isinstance(answer, str):
                tally.counts[each.kind, 0] += 1
                tally.faults.append(f"{number} {each.kind}: the connection was cut: {answer}")
            else:
                _judge(tally, schema, number, each, answer)
    tally.seconds = time.monotonic() - started
    return _reconcile(tally, before, cloud.logged())


def load_handler(root: Path) -> Handler:
    """Return the score function's handler, imported anew; its environment must be set."""
    path = root / "lambdas" / "score" / "handler.py"
    spec = importlib.util.spec_from_file_location("score_handler", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Handler = module.handler
    return handler


def schema_of(product: Portfolio) -> Any:
    """Return the validator of the portfolio's published JSON Schema."""
    written = contracts.files(product)[f"contracts/{product.name}/request.schema.json"]
    return jsonschema.Draft202012Validator(json.loads(written))


def _event(product: Portfolio, attempt: Attempt, number: int) -> dict[str, Any]:
    """Return the proxy event; what is no UTF-8 comes in base 64, or replaced, by turns."""
    given = {"Content-Type": attempt.content_type} if attempt.content_type else {}
    is_encoded = number % 3 == 0
    text = (
        base64.b64encode(attempt.raw).decode()
        if is_encoded
        else attempt.raw.decode(errors="replace")
    )
    return {
        "resource": "/v1/{portfolio}/score",
        "httpMethod": "POST",
        "pathParameters": {"portfolio": product.name},
        "headers": {**attempt.headers, **given},
        "requestContext": {"requestId": f"fuzz-{number}", "identity": {"apiKeyId": "fuzz"}},
        "body": text or None,
        "isBase64Encoded": is_encoded,
    }


def _judge(tally: Tally, schema: Any, number: int, attempt: Attempt, answer: Answer) -> None:
    """Count an answer, and note what is wrong with it."""
    tally.counts[attempt.kind, answer.status] += 1
    for fault in _find_faults(schema, attempt, answer):
        tally.faults.append(f"{number} {attempt.kind}: {fault}")
    if answer.status == http.HTTPStatus.OK:
        tally.decided[answer.json["decision_id"]] = answer.json


def _find_faults(schema: Any, attempt: Attempt, answer: Answer) -> Iterable[str]:
    expected = _expected(schema, attempt)
    if answer.status not in expected:
        yield f"{answer.status} instead of {expected}"
    if SECRET.encode() in answer.content:
        yield "the answer repeats a value"
    if not answer.headers.get("x-correlation-id"):
        yield "no correlation id"
    if answer.status != http.HTTPStatus.OK:
        yield from find_problem_faults(answer)


def find_problem_faults(answer: Answer) -> Iterable[str]:
    """Yield what a refusal lacks: a problem document, and advice where another try may help."""
    if answer.headers.get("content-type") != "application/problem+json":
        yield f"{answer.status} is no problem document"
        return
    try:
        lacking = PROBLEM - set(answer.json)
    except ValueError:
        yield f"{answer.status} is no JSON"
        return
    # API Gateway's own default responses leave the status to the status line.
    if lacking - {"status"}:
        yield f"{answer.status} lacks {sorted(lacking)}"
    is_passing = answer.status == BUSY or answer.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR
    if is_passing and not answer.headers.get("retry-after", "").isdigit():
        yield f"{answer.status} without Retry-After"


def _expected(schema: Any, attempt: Attempt) -> tuple[int, ...]:
    """Return the right statuses; whether a body in order is one, the published schema tells."""
    if attempt.statuses != bodies.EITHER:
        return attempt.statuses
    try:
        value = json.loads(attempt.raw)
    except (ValueError, RecursionError):
        return bodies.REFUSED
    return (http.HTTPStatus.OK,) if schema.is_valid(value) else bodies.REFUSED


def _reconcile(
    tally: Tally, before: Mapping[str, Any], after: Mapping[str, dict[str, Any]]
) -> Tally:
    """Note each 200 that the log does not hold as it was answered, and each entry without one."""
    for decision_id, answer in tally.decided.items():
        if not is_logged(answer, after.get(decision_id)):
            tally.faults.append(f"{decision_id}: answered, and not logged so")
    for decision_id in sorted(set(after) - set(before) - set(tally.decided)):
        tally.faults.append(f"{decision_id}: logged, and not answered")
    return tally


def is_logged(answer: Mapping[str, Any], item: Mapping[str, Any] | None) -> bool:
    """Whether a log entry holds what was answered."""
    return item is not None and (
        float(item["pd"]["N"]) == answer["pd"]
        and int(item["points"]["N"]) == answer["points"]
        and all(item[name]["S"] == answer[name] for name in LOGGED)
        and item["model_digest"]["S"] == answer["model"]["digest"]
        and [each["M"]["code"]["S"] for each in item["reasons"]["L"]]
        == [each["code"] for each in answer["reasons"]]
    )
