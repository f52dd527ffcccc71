"""Who may approve a version, what is recorded of it, and who is told."""

from __future__ import annotations

import re
import urllib.request
from types import SimpleNamespace

import boto3
import pytest

from solvencia import (
    approval,
    deploy,
    registry,
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


def test_an_approval_is_recorded_with_who_when_and_why(settings, evaluated, s3, run):
    """Registry and facts say the same, whatever characters the reason has."""
    run("ana")
    own = register()

    decided = asking.approve(
        NAME, own, answered("ben", reason='Reviewed, "ok" (v2)'), "", is_promotion=False
    )

    package, facts = package_of(settings, own), facts_of(s3, settings, own)
    assert decided == package.status == facts["status"] == registry.APPROVED
    assert package.metadata["approved_by"] == "ben"
    assert package.metadata["approved_at"] == "2026-11-02T10:00:00+00:00"
    assert package.metadata["approval"] == "by a person"
    assert package.metadata["reason"] == "Reviewed ok v2"
    assert facts["approval"]["reason"] == 'Reviewed, "ok" (v2)'
    assert facts["approval"]["triggered_by"] == "ana"


def test_a_rejection_keeps_the_version_off(settings, evaluated, run):
    """What a person rejects is skipped by the guard, and refused by the gate of a rerun."""
    run("ana")
    own = register()

    decided = asking.approve(NAME, own, answered("ben", "Reject"), "", is_promotion=False)

    register()
    assert versions.guard(NAME, own, decided, may_go_back=False) == {}
    with pytest.raises(deploy.GateRefused, match="ben rejected it"):
        versions.gate(NAME, own)


def test_nobody_is_asked_where_approval_is_automatic(settings, evaluated, run, monkeypatch):
    """The task ends at once, and the record says that no person approved."""
    monkeypatch.setenv("SOLVENCIA_APPROVAL", "automatic")
    own = register()
    ask = asking.AskOperator(
        task_id="ask", portfolio=NAME, version=own, requested="", is_promotion=False
    )

    answer = ask.execute(run(None))

    assert answer is None
    asking.approve(NAME, own, answer, "", is_promotion=False)
    assert package_of(settings, own).metadata["approval"] == "automatic"
    assert package_of(settings, own).metadata["approved_by"] == "automatic"


@pytest.mark.parametrize("setting", ["automatic", "manual"])
def test_a_build_whose_gate_was_marked_as_passed_goes_no_further(
    settings, evaluated, run, monkeypatch, setting
):
    """What the gate refused is neither asked about nor approved there, by whatever setting."""
    monkeypatch.setenv("SOLVENCIA_APPROVAL", setting)
    evaluated(auc=0.6)
    own = register()
    ask = asking.AskOperator(
        task_id="ask", portfolio=NAME, version=own, requested="", is_promotion=False
    )

    with pytest.raises(approval.AnswerRefused, match="trigger promote"):
        ask.execute(run("ana"))
    with pytest.raises(approval.AnswerRefused, match="nobody was asked"):
        asking.approve(NAME, own, None, "", is_promotion=False)
    assert package_of(settings, own).status == registry.REJECTED


def test_a_rejection_is_mailed(settings, evaluated, aws, run):
    """Whoever reads the alerts learns which version, by whom and why."""
    topic, address = settings.alerts_topic_arn, f"{settings.stack}@example.com"
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint=address)
    run("ana")
    own = register()

    asking.approve(NAME, own, answered("ben", "Reject"), "", is_promotion=False)

    def read(path: str) -> str:
        return urllib.request.urlopen(aws + path).read().decode()

    pages = [read(each) for each in re.findall(r'href="(/_mailbox/[^"]+)"', read("/_mailbox"))]
    (mail,) = [each for each in pages if address in each]
    for text in (own, "ben", LONG, "a person rejected a model of consumer_credit"):
        assert text in mail


def test_whose_data_started_a_run_may_not_approve_it(run):
    """A build that an asset started belongs to the person whose ingest updated the asset."""
    context = run(None)
    source = SimpleNamespace(triggering_user_name="ana")
    event = SimpleNamespace(source_dag_run=source, source_dag_id="ingest", source_run_id="r0")
    context["triggering_asset_events"] = {"cards_catalogued": [event]}

    owners = asking.find_owners(context)

    assert owners.names == ("ana",)
    assert owners.text == "the data of ingest r0 (ana)"
