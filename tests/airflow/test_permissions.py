"""Recorded calls against the policies of the templates."""

from __future__ import annotations

import json
import sys

import pytest

from deployment import permissions, templates

BUCKET = "arn:aws:s3:::solvencia-data-000000000000-us-east-1"


@pytest.fixture
def replay(tmp_path, monkeypatch, capsys):
    """Replay these calls; gives exit code and output."""

    def run(*calls):
        path = tmp_path / "calls.jsonl"
        path.write_text("".join(f"{json.dumps(each)}\n" for each in calls))
        monkeypatch.setattr(sys, "argv", ["permissions", str(path)])
        return permissions.main(), capsys.readouterr().out

    return run


def call(role, action, resource, decision="allowed", **context):
    found = {"role": role, "action": action, "resource": resource, "decision": decision}
    return found | ({"context": context} if context else {})


def test_an_action_that_no_call_used_is_named(replay):
    """Without a reason beside its role it fails the replay; a used one is not named."""
    code, said = replay(
        call("solvencia-clean-lambda", "s3:GetObject", f"{BUCKET}/prepared/german_loans/a.parquet")
    )

    assert code == 1
    assert "compute: solvencia-clean-lambda WriteCleaned s3:PutObject: no call needs it" in said
    assert "ReadPrepared s3:GetObject" not in said
    assert "UseDataKey" not in said


def test_a_condition_decides_whether_a_statement_was_used(replay):
    """A list of another prefix is not what the statement allows: it counts as refused."""
    listed = call("solvencia-clean-lambda", "s3:ListBucket", BUCKET, **{"s3:prefix": "raw/a/"})

    _, said = replay(listed)

    assert "ListPrepared s3:ListBucket: no call needs it" in said
    assert "refused: solvencia-clean-lambda s3:ListBucket" in said


def test_calls_of_every_portfolio_use_the_same_template(replay):
    """A crawler of another portfolio stands for the one that the example has."""
    table = "arn:aws:glue:us-east-1:000000000000:table/solvencia_german_loans/loan"

    _, said = replay(call("solvencia-german-loans-crawler", "glue:CreateTable", table))

    assert "WriteCatalogue glue:CreateTable" not in said
    assert "refused" not in said


def test_what_could_not_be_judged_is_named(replay):
    """An action that the emulator did not know is listed, not passed over."""
    _, said = replay(call("solvencia-airflow", "quicksight:GET", "*", "unjudged"))

    assert "unjudged: solvencia-airflow quicksight:GET" in said


def test_every_reason_is_of_a_statement_that_exists():
    """A reason that is left over after its statement went would explain the next one."""
    known = {
        (each.template, key)
        for each in permissions.grants()
        for key in (each.sid, f"{each.sid} {each.action}", "*")
    }

    left = [
        (name, key)
        for name in templates.names()
        for resource in templates.declared(name).values()
        for key in resource.get("Metadata", {}).get("permissions", {})
        if (name, key) not in known
    ]
    assert left == []
