"""Proxy events and decisions, without any AWS."""

from __future__ import annotations

import base64
import dataclasses
import json
import random
from collections import Counter
from typing import Any

import pytest

from solvencia import body, decision, gateway, portfolio
from solvencia.gateway import Caller, Problem, Reply

REPLY = {
    "model": {"digest": "d" * 64, "period": "2026-10", "fingerprint": "f", "code": "c" * 64},
    "scores": [
        {
            "pd": 0.031,
            "points": 612,
            "reasons": [
                {"field": "debt_ratio", "code": "R05", "contribution": 0.4},
                {"field": "monthly_income_usd", "code": "R07", "contribution": 0.2},
                {"field": "dependents_count", "code": "R10", "contribution": -0.1},
            ],
        }
    ],
}
APPLICATION = {"debt_ratio": 0.3, "monthly_income_usd": None}
NOBODY = Caller(key_id="k1", idempotency_key="", person_id="", accepts="")


def event(text: str, content_type: str = "application/json", **more: Any) -> dict[str, Any]:
    return {"headers": {"Content-Type": content_type}, "body": text, **more}


def refuse(found: dict[str, Any]) -> Problem:
    with pytest.raises(Problem) as refused:
        body.read_json(found)
    return refused.value


def decide(**change: Any) -> decision.Decision:
    product = portfolio.load("consumer_credit")
    subject = decision.identify(
        product.name, APPLICATION, dataclasses.replace(NOBODY, **change), "en"
    )
    return decision.decide(product, subject, REPLY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a": NaN}',
        '{"a": -Infinity}',
        "[" * 60_000,
        '{"a": ' + "9" * 5000 + "}",
        '{"a": 999, "a": 999}',
        '\ufeff{"a": 999}',
    ],
)
def test_a_body_that_is_no_json_is_refused(text: str) -> None:
    """What a JSON parser may choke on is the client's fault, and is not repeated to it."""
    refused = refuse(event(text))

    assert refused.status == 400
    assert "999" not in str(refused.body)


@pytest.mark.parametrize("raw", [b'{"a": "\xff"}', '{"a": 1}'.encode("utf-16"), b"\x1f\x8b\x08"])
def test_another_encoding_is_refused(raw: bytes) -> None:
    """A body that is not UTF-8 is named as such."""
    found = event(base64.b64encode(raw).decode(), isBase64Encoded=True)

    assert refuse(found).status == 400


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/jsonp", "application/json; charset=latin-1"]
)
def test_another_content_type_is_refused(content_type: str) -> None:
    """Only JSON in UTF-8 is read, whatever the body looks like."""
    assert refuse(event("{}", content_type)).status == 415


def test_a_body_that_is_too_long_is_refused_unread() -> None:
    """What is longer than any application costs no parsing."""
    assert refuse(event('"' + "x" * body.BYTES_MAX + '"')).status == 413


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=UTF-8"])
def test_an_encoded_body_is_read(content_type: str) -> None:
    """API Gateway encodes a body whose content type it takes for binary."""
    found = event(base64.b64encode(b'{"a": 1}').decode(), content_type, isBase64Encoded=True)

    assert body.read_json(found) == {"a": 1}


def test_many_unknown_fields_are_counted_and_not_repeated() -> None:
    """An answer stays short, whatever it answers."""
    given = {f"x{number}" + "y" * 200: 1 for number in range(300)}
    with pytest.raises(Problem) as refused:
        body.read_application(event(json.dumps(given)), portfolio.load("consumer_credit"))

    assert refused.value.status == 422
    assert refused.value.problems["body"] == "300 unknown fields"
    assert len(json.dumps([refused.value.body, refused.value.problems])) < 10_000


def test_headers_are_found_whatever_their_case() -> None:
    """HTTP/2 clients send names in lower case, others do not."""
    assert gateway.read_header({"headers": {"accept-language": "es"}}, "Accept-Language") == "es"
    assert gateway.read_header({"headers": None}, "Accept-Language") == ""


def test_a_malformed_header_is_named() -> None:
    """A key that is silently dropped would let a retry decide twice."""
    headers = {"idempotency-key": "a b", "X-Person-Id": "Ana García"}
    with pytest.raises(Problem) as refused:
        gateway.read_caller({"headers": headers})

    assert refused.value.status == 400
    assert set(refused.value.problems) == {"Idempotency-Key", "X-Person-Id"}
    assert "Ana" not in str(refused.value.problems)


@pytest.mark.parametrize("name", ["Idempotency-Key", "x-person-id", "X-Correlation-Id"])
def test_an_empty_header_is_no_absent_one(name: str) -> None:
    """A client that forgot to fill its key in is told, before a retry decides twice."""
    with pytest.raises(Problem) as refused:
        gateway.read_caller({"headers": {name: ""}})

    assert refused.value.status == 400
    assert [each.lower() for each in refused.value.problems] == [name.lower()]


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        (
            {"Sec-Fetch-Site": "cross-site", "Origin": "https://a.example", "Host": "a.example"},
            False,
        ),
        ({"Origin": "https://a.example", "Host": "a.example"}, True),
        ({"Origin": "https://b.example", "Host": "a.example"}, False),
        ({"Origin": "null", "Host": "a.example"}, False),
        ({}, False),
    ],
)
def test_the_form_is_open_to_its_own_page_alone(headers: dict[str, str], is_ours: bool) -> None:
    """Another site cannot have its visitors' browsers apply; nobody there names a person."""
    asked = {"resource": "/apply/{portfolio}", "headers": {**headers, "X-Person-Id": "p1"}}
    if is_ours:
        caller = gateway.read_caller(asked)

        assert (caller.key_id, caller.person_id) == (gateway.FORM, "")
    else:
        with pytest.raises(Problem) as refused:
            gateway.read_caller(asked)

        assert refused.value.status == 403


def test_a_problem_says_when_to_ask_again_and_which_request_it_was(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Status, advice and correlation id stand in the answer, and ids alone in the log."""

    def fail(asked: gateway.Event) -> Reply:
        raise Problem(503, "No model", "ask again later", retry_seconds=30)

    asked = event("secret", requestContext={"requestId": "r-1"}, httpMethod="POST", resource="/x")
    reply = gateway.respond(asked, fail)
    logged = json.loads(capsys.readouterr().out)

    assert (reply["statusCode"], reply["headers"]["Retry-After"]) == (503, "30")
    assert reply["headers"]["Content-Type"] == "application/problem+json"
    assert json.loads(reply["body"])["correlation_id"] == "r-1"
    assert reply["headers"]["X-Correlation-Id"] == "r-1"
    assert set(logged) == {"level", "correlation_id", "route", "status", "milliseconds", "title"}
    assert (logged["level"], logged["status"]) == ("ERROR", 503)


def test_a_fault_of_our_own_is_raised_and_logged_without_values(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The alarm rings on the raised error; the line names the request."""

    def fail(asked: gateway.Event) -> Reply:
        raise KeyError("field")

    with pytest.raises(KeyError):
        gateway.respond({"headers": {"X-Correlation-Id": "mine-7"}, "body": "secret"}, fail)

    logged = json.loads(capsys.readouterr().out)
    assert (logged["status"], logged["correlation_id"]) == (500, "mine-7")
    assert "secret" not in str(logged)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("es", "es"),
        ("es-MX,es;q=0.9,en;q=0.8", "es"),
        ("en;q=0.5, es;q=0.7", "es"),
        ("fr", "en"),
        ("es;q=0, *;q=0.5", "en"),
        (";;;q=x,es", "es"),
    ],
)
def test_reasons_come_in_the_language_asked_for(accepted: str, language: str) -> None:
    """The highest quality value wins; English is the default."""
    assert decision.pick_language(accepted) == language


def test_a_score_becomes_a_decision_by_the_portfolios_bands() -> None:
    """612 points lie in band B of consumer credit, which approves."""
    decided = decide()

    assert (decided.band, decided.decision) == ("B", "approve")
    assert decided.policy_digest == portfolio.load("consumer_credit").policy_digest
    assert decided.code_digest == "c" * 64
    assert decided.input_sha256 == (
        "4144c812ada90c10d9f5e8ac152b1d60378b966eb969cfad0bbdb4c8b9c0d09a"
    )


def test_the_answer_gives_each_reason_its_text_and_its_points() -> None:
    """Codes and texts come from the portfolio, in the model's order; 40 points double the odds."""
    answer = decide().answer(portfolio.load("consumer_credit"), "es")

    assert answer["reasons"][1:] == [
        {
            "code": "R07",
            "text": "Nivel del ingreso mensual",
            "effect": "raises",
            "points": -11.5,
        },
        {
            "code": "R10",
            "text": "Ingreso compartido con dependientes",
            "effect": "lowers",
            "points": 5.8,
        },
    ]
    assert answer["model"] == {"digest": "d" * 64, "period": "2026-10"}


def test_an_idempotency_key_names_decision_and_person() -> None:
    """A retry is about the same decision; another key, client or portfolio is about another."""
    first, again = decide(idempotency_key="a"), decide(idempotency_key="a")
    others = [decide(idempotency_key="b"), decide(idempotency_key="a", key_id="k2"), decide()]

    assert (first.decision_id, first.person_id) == (again.decision_id, again.person_id)
    assert len({first.decision_id, *(each.decision_id for each in others)}) == 4
    assert decide(person_id="p-7").person_id == "p-7"


@pytest.mark.parametrize(
    "change",
    [
        {"pd": 1.2},
        {"pd": float("nan")},
        {"pd": None},
        {"reasons": REPLY["scores"][0]["reasons"][:2]},
        {"reasons": [{"code": "R05"}] * 3},
    ],
)
def test_a_reply_that_is_no_score_is_a_fault(change: dict[str, object]) -> None:
    """A decision without a probability or without reasons must not reach an applicant."""
    product = portfolio.load("consumer_credit")
    subject = decision.identify(product.name, APPLICATION, NOBODY, "en")
    reply = {**REPLY, "scores": [{**REPLY["scores"][0], **change}]}

    for each in (reply, {"scores": reply["scores"]}, [], None):
        with pytest.raises(decision.InvalidReply):
            decision.decide(product, subject, each)


PIECES = [
    "NaN", "-Infinity", "1e999", "-1e999", "9" * 5000, "0.1", "1", "-0", "null", "true", '""',
    '"\\ud800"', '"own"', "[" * 2000, "{}", "[]", '{"a":{"b":[1]}}', "1e-400", '"\x00"', "0x1",
    "'a'", "1_0", "\u0661", "\ufffd", "1" + "0" * 400,
]  # fmt: skip


def test_no_body_makes_a_fault_of_ours() -> None:
    """Of bodies put together at random each is read or refused with 400, 413, 415 or 422."""
    chance = random.Random(11)  # noqa: S311 - bodies, not secrets
    product = portfolio.load("consumer_credit")
    names = [*(each.name for each in product.request_fields), "\ud800", "", "__proto__", "a" * 99]
    seen: Counter[int] = Counter()
    for _ in range(5000):
        some = chance.sample(names, chance.randint(0, len(names)))
        pairs = [f'"{name}": {chance.choice(PIECES)}' for name in some]
        text = "{" + ", ".join(pairs) + chance.choice(["}", "", "}}", ",}"])
        if chance.random() < 0.1:
            text = chance.choice(PIECES) * chance.choice([1, 1, 40])
        try:
            body.read_application(event(text), product)
            seen[200] += 1
        except Problem as problem:
            seen[problem.status] += 1
            json.dumps([problem.body, problem.problems])

    assert set(seen) <= {200, 400, 413, 422}
    assert seen[400] > 1000
    assert seen[422] > 100
