"""Who is asked, whose answer counts, and what is recorded."""

from __future__ import annotations

from typing import Any

import pytest

from solvencia import approval, version

PENDING, APPROVED, REJECTED = "PendingManualApproval", "Approved", "Rejected"
LONG = "The branch needs it until June"


def facts(**change: Any) -> dict[str, Any]:
    given = {
        "version": "solvencia-cards-2026-10-abc",
        "portfolio": "cards",
        "period": "2026-10",
        "status": PENDING,
        "refusals": [],
        "metrics": {"auc": 0.8612, "ece": 0.004, "rows": 5000},
        "approval": None,
        "decisions": [],
        "champion_before": "",
    }
    return given | change


def answer(by: str = "ben", choice: str = "Approve", reason: str = LONG) -> approval.Answer:
    return approval.Answer(choice, reason, by, (by, f"id-{by}"), "2026-11-02T10:00:00+00:00")


def decide(given: Any, status: str, known: Any, requested: str = "") -> Any:
    return approval.decide(
        given, status, known, triggered_by="ana", requested=requested, now="2026-11-02T09:00:00"
    )


APPROVAL = {
    "status": APPROVED,
    "mode": "by a person",
    "by": "ben",
    "at": "2026-10-02T10:00:00+00:00",
    "reason": LONG,
    "triggered_by": "ana",
}


def test_the_gate_decides_the_first_status():
    """What the gate refuses is rejected, all else waits for an approval."""
    assert approval.first_status([], None, None) == PENDING
    assert approval.first_status(["auc is low"], None, None) == REJECTED


@pytest.mark.parametrize("status", [APPROVED, REJECTED])
def test_a_decision_stands_while_the_gate_says_the_same(status):
    """A rerun keeps an approval, an override and a person's rejection; new refusals end them."""
    overridden = facts(status=status, refusals=["auc is low"])

    assert approval.first_status([], facts(status=status), status) == status
    assert approval.first_status(["auc is low"], overridden, status) == status
    assert approval.first_status(["auc is low", "ece is high"], overridden, status) == REJECTED
    assert approval.first_status([], overridden, status) == PENDING


def test_an_approval_that_only_the_registry_knows_does_not_stand():
    """Set by hand, or by a task that died before it wrote the facts: someone is asked anew."""
    rejected = facts(status=REJECTED)

    assert approval.first_status([], facts(), APPROVED) == PENDING
    assert approval.first_status([], rejected, APPROVED) == REJECTED
    assert approval.is_override(APPROVED, rejected)


@pytest.mark.parametrize(
    ("setting", "status", "known", "is_promotion", "is_asked"),
    [
        ("automatic", PENDING, facts(), False, False),
        ("manual", PENDING, facts(), False, True),
        ("manual", APPROVED, facts(approval=APPROVAL), False, False),
        ("manual", APPROVED, facts(), False, True),
        ("automatic", APPROVED, facts(approval=APPROVAL), True, False),
        ("manual", APPROVED, facts(approval=APPROVAL), True, True),
        ("automatic", REJECTED, facts(), True, True),
        ("automatic", REJECTED, facts(refusals=["auc is low"]), False, True),
        ("automatic", PENDING, facts(refusals=["auc is low"]), False, True),
        ("automatic", APPROVED, facts(refusals=["auc is low"], approval=APPROVAL), False, False),
        ("automatic", APPROVED, facts(refusals=["auc is low"], approval=APPROVAL), True, True),
    ],
)
def test_a_person_is_asked_where_it_takes_one(setting, status, known, is_promotion, is_asked):
    """Once for a build, for each promotion, and always before an override."""
    if not is_asked:
        approval.check_unasked("v", setting, status, known, is_promotion)
    else:
        with pytest.raises(approval.AnswerRefused, match="nobody was asked"):
            approval.check_unasked("v", setting, status, known, is_promotion)

    assert approval.needs_person(setting, status, known, is_promotion) is is_asked


@pytest.mark.parametrize("by", ["ana", "ANA"])
def test_the_owner_of_the_run_may_not_decide(by):
    """Whoever started the run is refused, however the name is written; another person passes."""
    with pytest.raises(approval.AnswerRefused, match="let another person answer"):
        approval.check_answer(answer(by), ["ana"], is_override=False)
    with pytest.raises(approval.AnswerRefused, match="started this run"):
        approval.check_answer(answer(by), [f"id-{by}"], is_override=False)

    approval.check_answer(answer("ben"), ["ana"], is_override=False)


def test_an_answer_of_nobody_does_not_count():
    """Without a name nobody can say that it was another person."""
    nobody = approval.Answer("Approve", LONG, "", (), "2026-11-02T10:00:00+00:00")

    with pytest.raises(approval.AnswerRefused, match="nobody knows who answered"):
        approval.check_answer(nobody, [], is_override=False)


def test_an_answer_needs_its_reason():
    """Any text for an approval, twenty characters for an override."""
    approval.check_answer(answer(reason="Good"), ["ana"], is_override=False)
    with pytest.raises(approval.AnswerRefused, match="has no `reason`"):
        approval.check_answer(answer(reason="  "), ["ana"], is_override=False)
    with pytest.raises(approval.AnswerRefused, match="at least 20 characters"):
        approval.check_answer(answer(reason="Good"), ["ana"], is_override=True)


def test_an_override_is_asked_for_in_writing_and_by_name():
    """Without a reason, or without anybody's name, nobody is even asked."""
    approval.check_request("v", LONG, ["ana"], is_override=True)
    approval.check_request("v", "", [], is_override=False)
    with pytest.raises(approval.AnswerRefused, match="at least 20 characters"):
        approval.check_request("v", "please", ["ana"], is_override=True)
    with pytest.raises(approval.AnswerRefused, match="takes two persons"):
        approval.check_request("v", LONG, [], is_override=True)


def test_an_automatic_approval_says_so():
    """The record names the setting, not a person."""
    decision = decide(None, PENDING, facts())

    assert (decision.status, decision.mode, decision.by) == (APPROVED, "automatic", "automatic")
    assert "SOLVENCIA_APPROVAL" in decision.reason
    assert decision.triggered_by == "ana"


def test_a_rerun_leaves_the_approval_that_stands():
    """What is approved already is not approved again."""
    assert decide(None, APPROVED, facts(status=APPROVED, approval=APPROVAL)) is None


def test_a_persons_answer_is_recorded_with_its_time_and_reason():
    """Approval and rejection carry who, when and why; against the gate it is an override."""
    approved = decide(answer(), PENDING, facts())
    rejected = decide(answer(choice="Reject"), PENDING, facts())
    refused = facts(status=REJECTED, refusals=["auc is low"])
    overridden = decide(answer(), REJECTED, refused, requested="The new rules start in May")

    assert (approved.status, approved.mode, approved.by) == (APPROVED, "by a person", "ben")
    assert (approved.at, approved.reason) == ("2026-11-02T10:00:00+00:00", LONG)
    assert (rejected.status, rejected.mode) == (REJECTED, "by a person")
    assert (overridden.status, overridden.mode) == (APPROVED, "override")
    assert overridden.reason == f"The new rules start in May (ana); {LONG} (ben)"


def test_the_facts_keep_every_decision():
    """The newest decision is the approval; a rerun of its run replaces its own entry."""
    first = version.record(facts(), decide(answer(), PENDING, facts()), "build 1")
    again = version.record(first, decide(answer("eva"), PENDING, facts()), "build 1")

    assert again["status"] == APPROVED
    assert again["approval"]["by"] == "eva"
    assert [(each["by"], each["run"]) for each in again["decisions"]] == [("eva", "build 1")]


def test_a_rollback_by_itself_keeps_the_persons_approval():
    """What ben approved stays approved by ben; the rollback is listed beside it."""
    known = facts(status=APPROVED, approval=APPROVAL)
    decision = decide(None, APPROVED, known, requested="The newer one drifts")

    after = version.record(known, decision, "promote 1")

    assert after["approval"] == APPROVAL
    assert after["decisions"][0]["mode"] == "automatic"
    assert after["decisions"][0]["reason"] == "The newer one drifts"


def test_the_question_shows_what_a_person_must_know():
    """Metrics, refusals, what is live, where the report lies, and who may not answer."""
    known = facts(status=REJECTED, refusals=["auc is low", "ece is high"], champion_before="older")

    subject, body = approval.question(
        known, REJECTED, triggered_by="ana", requested=LONG, live="old", folder="s3://models/v/"
    )

    assert subject == "Override the rejection of solvencia-cards-2026-10-abc of cards?"
    for text in ("| auc | 0.8612 |", "- auc is low", "- ece is high", "Live now: old", LONG):
        assert text in body
    assert "s3://models/v/evaluation/report.html" in body
    assert "Started by ana, who may not answer" in body
