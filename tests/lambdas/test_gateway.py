"""Proxy events and decisions, without any AWS."""

from __future__ import annotations

import base64
import json

import pytest

from solvencia import decision, gateway, portfolio

REPLY = {
    "model": {"digest": "d" * 64, "period": "2026-10", "fingerprint": "f"},
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


@pytest.mark.parametrize(
    "body", ["", "{", '{"a": NaN}', "[" * 100_000, '{"a": ' + "9" * 5000 + "}"]
)
def test_a_body_that_is_no_json_is_refused(body: str) -> None:
    """What a JSON parser may choke on is the client's fault, and is not repeated to it."""
    with pytest.raises(gateway.InvalidBody) as refused:
        gateway.read_json({"body": body})

    assert "999" not in str(refused.value)


def test_an_encoded_body_is_read() -> None:
    """API Gateway encodes a body whose content type it takes for binary."""
    event = {"body": base64.b64encode(b'{"a": 1}').decode(), "isBase64Encoded": True}

    assert gateway.read_json(event) == {"a": 1}


def test_headers_are_found_whatever_their_case() -> None:
    """HTTP/2 clients send names in lower case, others do not."""
    event = {"headers": {"Accept-Language": "es"}}

    assert gateway.read_header(event, "accept-language") == "es"
    assert gateway.read_header({"headers": None}, "accept-language") == ""


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


def test_the_log_entry_holds_the_inputs_digest_and_never_the_input() -> None:
    """A decision can be tied to its input without storing it."""
    decided = decision.decide(portfolio.load("consumer_credit"), APPLICATION, REPLY, "en")

    item = decided.item()

    assert item["pd"] == {"N": "0.031"}
    assert item["points"] == {"N": "612"}
    assert [each["M"]["code"]["S"] for each in item["reasons"]["L"]] == ["R05", "R07", "R10"]
    assert item["input_sha256"] == {
        "S": "4144c812ada90c10d9f5e8ac152b1d60378b966eb969cfad0bbdb4c8b9c0d09a"
    }
    assert not {"debt_ratio", "monthly_income_usd"} & set(item)
    assert "0.3" not in json.dumps({**item, "pd": None, "decided_at": None})


def test_the_answer_gives_each_reason_its_text() -> None:
    """Codes and texts come from the portfolio, in the model's order, each with its effect."""
    decided = decision.decide(portfolio.load("consumer_credit"), APPLICATION, REPLY, "es")

    assert decided.answer()["reasons"][1:] == [
        {"code": "R07", "text": "Nivel del ingreso mensual", "effect": "raises"},
        {"code": "R10", "text": "Ingreso compartido con dependientes", "effect": "lowers"},
    ]
    assert decided.answer()["model"] == {"digest": "d" * 64, "period": "2026-10"}


@pytest.mark.parametrize(
    "change", [{"pd": 1.2}, {"pd": float("nan")}, {"reasons": REPLY["scores"][0]["reasons"][:2]}]
)
def test_a_reply_that_is_no_score_is_a_fault(change: dict[str, object]) -> None:
    """A decision without a probability or without reasons must not reach an applicant."""
    reply = {**REPLY, "scores": [{**REPLY["scores"][0], **change}]}

    with pytest.raises(decision.InvalidReply):
        decision.decide(portfolio.load("consumer_credit"), APPLICATION, reply, "en")
