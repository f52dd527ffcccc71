from __future__ import annotations

import math
from dataclasses import replace

import pytest

from records import letter
from solvencia import portfolio, replay
from solvencia.decision import Cited, Decision

REASONS = (
    Cited("R12", "past_due_weighted_count", 0.9),
    Cited("R07", "monthly_income_usd", 0.2),
    Cited("R10", "dependents_count", -0.1),
)
LOGGED = Decision(
    decision_id="3c37ecf6-f1d3-4d7d-b86e-74cbb05782cc",
    portfolio="consumer_credit",
    person_id="4711",
    model_digest="d" * 64,
    model_period="2026-10",
    code_digest="c" * 64,
    policy_digest="p" * 64,
    policy="",
    fingerprint="f" * 64,
    pd=0.5064,
    points=426,
    band="E",
    decision="decline",
    reasons=REASONS,
    input_sha256="0" * 64,
    language="en",
    decided_at="2026-11-24T17:54:00.000+00:00",
    expires_at=0,
)


@pytest.fixture
def shipped():
    return portfolio.load("consumer_credit")


def scored(pd=LOGGED.pd, points=LOGGED.points, reasons=REASONS):
    told = [
        {"code": each.code, "field": each.field, "contribution": each.contribution}
        for each in reasons
    ]
    return {"pd": pd, "points": points, "reasons": told}


def test_the_same_score_is_no_difference(shipped):
    """PD, points, band, decision and reasons that came out alike are passed over."""
    assert replay._compare(LOGGED, scored(), shipped.bands) == []


def test_the_last_bit_is_a_difference(shipped):
    """A PD or a contribution that is one bit off is named with both texts."""
    near = math.nextafter(LOGGED.pd, 1)
    moved = (replace(REASONS[0], contribution=math.nextafter(0.9, 1)), *REASONS[1:])

    [pd] = replay._compare(LOGGED, scored(pd=near), shipped.bands)
    [reason] = replay._compare(LOGGED, scored(reasons=moved), shipped.bands)

    assert (pd.name, pd.logged, pd.replayed) == ("pd", repr(LOGGED.pd), repr(near))
    assert reason.name == "reason 1"


def test_other_points_are_told_with_their_band_and_decision(shipped):
    """What the bands make of them is compared, too; so is the number of reasons."""
    found = replay._compare(LOGGED, scored(points=650, reasons=REASONS[:2]), shipped.bands)

    assert [each.name for each in found] == ["points", "band", "decision", "reasons"]


def test_a_refusal_states_only_what_raised_the_risk(shipped):
    """A reason that spoke for the applicant is no reason to decline."""
    answer = LOGGED.answer(shipped, "en")
    raised, helped = answer["reasons"][1]["text"], answer["reasons"][2]["text"]

    page = letter.render(answer, shipped, "en")

    assert raised in page
    assert helped not in page
    assert "1002.9" in page
    assert LOGGED.decision_id in page


def test_a_letter_names_the_band_as_it_was_decided(shipped):
    """What today's bands make of the points, or that they lack the band, changes no letter."""
    decided = replace(LOGGED, band="of then", decision="approve", points=100)

    page = letter.render(decided.answer(shipped, "en"), shipped, "en")

    assert "of then" in page
    assert "approved" in page


def test_an_approval_states_what_spoke_for_it_and_a_referral_nothing(shipped):
    """Nobody has decided yet on what goes to a person."""
    approved = {**LOGGED.answer(shipped, "en"), "decision": "approve"}
    referred = {**approved, "decision": "refer"}
    raised, helped = (approved["reasons"][place]["text"] for place in (1, 2))

    told, untold = (letter.render(each, shipped, "en") for each in (approved, referred))

    assert helped in told
    assert raised not in told
    assert helped not in untold
    assert raised not in untold


def test_a_letter_speaks_the_language_and_escapes_what_it_is_given(shipped):
    """A text of the portfolio can break nothing."""
    answer = LOGGED.answer(shipped, "es")
    answer["reasons"][0]["text"] = "<script>"

    page = letter.render(answer, shipped, "es")

    assert '<html lang="es">' in page
    assert "Estimado/a solicitante" in page
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
