"""An older or a refused version goes live: overrides, today's bounds, rollback."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import boto3
import pytest

from solvencia import (
    approval,
    deploy,
    layout,
    portfolio,
    registry,
    version,
)
from solvencia_airflow import approval as asking
from solvencia_airflow import versions
from tests.airflow.registry.conftest import (
    LONG,
    NAME,
    answered,
    facts_of,
    package_of,
    register,
)


def test_a_promotion_that_is_turned_down_changes_no_status(settings, evaluated, s3, run):
    """The version stays approved, yet this run deploys nothing; the refusal is listed."""
    run("ana")
    own = register()
    asking.approve(NAME, own, answered("eva"), "", is_promotion=False)
    run("ana", "promote", "p1")

    decided = asking.approve(NAME, own, answered("ben", "Reject"), LONG, is_promotion=True)

    facts = facts_of(s3, settings, own)
    assert package_of(settings, own).status == facts["status"] == registry.APPROVED
    assert facts["decisions"][-1]["status"] == registry.REJECTED
    assert versions.guard(NAME, own, decided, may_go_back=True) == {}


def test_an_override_takes_a_second_person(settings, evaluated, s3, run, monkeypatch):
    """Even where approval is automatic; owner and short reasons are refused, another passes."""
    monkeypatch.setenv("SOLVENCIA_APPROVAL", "automatic")
    evaluated(auc=0.6)
    own = register()
    context = run("ana", "promote", "p1")
    ask = asking.AskOperator(
        task_id="ask",
        portfolio=NAME,
        version=own,
        requested=LONG,
        is_promotion=True,
        params={"reason": asking.REASON},
    )
    with pytest.raises(approval.AnswerRefused, match="at least 20 characters"):
        versions.find_version(NAME, own, "please")
    assert versions.find_version(NAME, own, LONG) == own
    with pytest.raises(approval.AnswerRefused, match="ana started this run"):
        ask.execute_complete(context, answered("ana"))
    with pytest.raises(approval.AnswerRefused, match="at least 20 characters"):
        ask.execute_complete(context, answered("ben", reason="ok"))

    answer = ask.execute_complete(context, answered("ben"))
    decided = asking.approve(NAME, own, answer, LONG, is_promotion=True)

    facts = facts_of(s3, settings, own)
    assert facts["approval"]["mode"] == "override"
    assert facts["approval"]["reason"] == f"{LONG} (ana); {LONG} (ben)"
    assert package_of(settings, own).metadata["approval"] == "override"
    wanted = versions.guard(NAME, own, decided, may_go_back=True)
    assert wanted["version"] == own
    assert wanted["artefact"] == "s3://models/training/model.tar.gz"
    assert (wanted["instance_type"], wanted["instance_count"]) == ("ml.m5.large", "2")


def test_what_was_rejected_after_nobody_was_asked_is_not_approved(
    settings, evaluated, s3, run, monkeypatch
):
    """The decision is on the version as it stands then, also for a rollback."""
    monkeypatch.setenv("SOLVENCIA_APPROVAL", "automatic")
    run("ana")
    own = register()
    registry.set_status(
        boto3.client("sagemaker"), package_of(settings, own), registry.REJECTED, "by hand", {}
    )

    for is_promotion in (False, True):
        with pytest.raises(approval.AnswerRefused, match="has status Rejected"):
            asking.approve(NAME, own, None, LONG, is_promotion=is_promotion)
    assert facts_of(s3, settings, own)["decisions"] == []


def test_a_retry_of_an_override_leaves_its_record(settings, evaluated, s3, run):
    """The same answer, recorded by the same run, stays what it was: an override."""
    run("ana")
    own = register()
    asking.approve(NAME, own, answered("ben", "Reject"), "", is_promotion=False)
    run("ana", "promote", "p1")
    asking.approve(NAME, own, answered("eva"), LONG, is_promotion=True)
    before = facts_of(s3, settings, own)

    decided = asking.approve(NAME, own, answered("eva"), LONG, is_promotion=True)

    assert before["approval"]["mode"] == "override"
    assert decided == registry.APPROVED
    assert facts_of(s3, settings, own) == before


def test_a_version_is_promoted_by_todays_bounds(settings, evaluated, s3, run, monkeypatch):
    """An approval of looser bounds is no rollback any more: it takes an override."""
    run("ana")
    own = register()
    asking.approve(NAME, own, answered("ben"), "", is_promotion=False)
    product = portfolio.load(NAME)
    tightened = replace(product, gate=replace(product.gate, auc_min=0.9))
    monkeypatch.setattr(portfolio, "load", lambda name: tightened)
    monkeypatch.setenv("SOLVENCIA_APPROVAL", "automatic")
    run("ana", "promote", "p1")

    with pytest.raises(approval.AnswerRefused, match="refused by today's gate"):
        versions.find_version(NAME, own, "back")
    with pytest.raises(approval.AnswerRefused, match="1 refusals of the gate"):
        asking.approve(NAME, own, None, LONG, is_promotion=True)
    asking.approve(NAME, own, answered("eva", "Reject"), LONG, is_promotion=True)
    assert facts_of(s3, settings, own)["refusals"] == []
    run("ana", "promote", "p2")
    asking.approve(NAME, own, answered("eva"), LONG, is_promotion=True)

    facts = facts_of(s3, settings, own)
    assert facts["approval"]["mode"] == "override"
    assert "below auc_min 0.9" in facts["refusals"][0]
    assert package_of(settings, own).metadata["refusals_count"] == "1"


def test_an_older_run_puts_nothing_back_by_itself(settings, evaluated, run, monkeypatch):
    """Of two versions of a period the one that went live later stays, unless a person promotes."""
    run("ana")
    own = register()
    decided = asking.approve(NAME, own, answered("ben"), "", is_promotion=False)
    other = f"{own[:-12]}0123456789ab"
    monkeypatch.setattr(deploy, "find_live", lambda sagemaker, endpoint: other)
    for later, is_refused in (("2026-11-02T10:00:01", True), ("2026-11-02T10:00:00", False)):
        since = datetime.fromisoformat(later).replace(tzinfo=UTC)
        monkeypatch.setattr(deploy, "find_live_since", lambda *_, since=since: since)

        assert (versions.guard(NAME, own, decided, may_go_back=False) == {}) is is_refused
        assert versions.guard(NAME, own, decided, may_go_back=True)["version"] == own


def test_an_unknown_or_unfinished_version_is_not_promoted(settings, evaluated, s3, run):
    """The error lists what there is, or says which task to clear."""
    run("ana")
    own = register()
    with pytest.raises(registry.UnknownVersion, match=f"the newest are {own}"):
        versions.find_version(NAME, "nowhere", "")
    key = layout.version_prefix(NAME, own) + "facts.json"
    s3.delete_object(Bucket=settings.model_bucket, Key=key)

    with pytest.raises(version.NotWhole, match="clear the task `register`"):
        versions.find_version(NAME, own, "")
