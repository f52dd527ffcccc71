"""What the security scan calls explained, and what it writes into the page."""

from __future__ import annotations

import json
from pathlib import Path

from deployment import templates
from deployment.scan import __main__ as scan
from deployment.scan.finding import Finding, Report, reasons, unused


def report(*findings: Finding, rules: tuple[str, ...] = ()) -> Report:
    return Report("cfn-guard", "1.0", "2 rules", findings, rules)


def test_a_finding_without_a_reason_is_unexplained() -> None:
    """Only what its resource gives a reason for is accepted."""
    told = Finding("cfn-guard", "A", "model", "Role", "a", "it has to be")
    bare = Finding("cfn-guard", "B", "model", "Role", "b")

    assert report(told, bare).accepted == (told,)
    assert report(told, bare).unexplained == (bare,)


def test_the_reason_is_read_beside_the_resource() -> None:
    """Each engine's own way to suppress carries the reason."""
    assert reasons("compute", "ScoreFunction")["CKV_AWS_173"].endswith("no secret")
    assert reasons("compute", "ScoreRole")["IAM_NO_INLINE_POLICY_CHECK"]


def test_every_suppression_has_a_reason() -> None:
    """A rule is not switched off without a word."""
    silent = [
        f"{name}.{logical_id} {rule}"
        for name in templates.names()
        for logical_id in templates.declared(name)
        for rule, reason in reasons(name, logical_id).items()
        if not reason
    ]

    assert silent == []


def test_a_suppression_that_suppresses_nothing_is_told() -> None:
    """Of rules that ran; a rule that did not run tells nothing."""
    ran = report(rules=("IAM_NO_INLINE_POLICY_CHECK",))

    assert "compute.ScoreRole suppresses IAM_NO_INLINE_POLICY_CHECK, which it keeps" in unused(ran)
    assert unused(report(rules=("ANOTHER",))) == []


def test_the_page_gets_todays_counts_between_its_marks() -> None:
    """What stands around the marks stays as it was written."""
    told = Finding("cfn-guard", "A", "model", "Role", "a", "it has to be")
    text = scan.page(f"before\n{scan.BEGIN}old\n{scan.END}after\n", [report(told)])

    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| cfn-guard 1.0 | 2 rules | 1 | 1 | 0 |" in text
    assert "| A | 1 | it has to be |" in text


def test_engines_get_the_templates_worked_out(tmp_path: Path) -> None:
    """A policy's ARN is whole, an option is on, and no suppression is left in."""
    scan.lay_out(tmp_path)
    storage = json.loads((tmp_path / "storage.json").read_text())["Resources"]
    statements = storage["ReplicaRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    written = next(each for each in statements if each["Sid"] == "WriteReplicas")

    assert written["Resource"] == "arn:aws:s3:::solvencia-replica-123456789012-eu-central-1/*"
    assert "ReplicationConfiguration" in storage["ArchiveBucket"]["Properties"]
    assert "Metadata" not in storage["ArchiveBucket"]
