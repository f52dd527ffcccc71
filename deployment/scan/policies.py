"""parliament and cloudsplaining over every policy that an identity of the templates gets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import metadata
from typing import Any

from deployment import templates
from deployment.scan.finding import Finding, Report, reasons

HOLDERS = ("AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::IAM::Policy")
# What cloudsplaining asks of a policy, and how grave it calls an answer; "low" is left out.
QUESTIONS = {
    "PrivilegeEscalation": "allows_privilege_escalation",
    "ResourceExposure": "permissions_management_without_constraints",
    "DataExfiltration": "allows_data_exfiltration_actions",
    "CredentialsExposure": "credentials_exposure",
    "ServiceWildcard": "service_wildcard",
    "InfrastructureModification": "infrastructure_modification",
}


def documents() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield template, logical id and document of each policy, its functions worked out."""
    for name in templates.names():
        for logical_id, resource in templates.resolved(name).items():
            if resource["Type"] in HOLDERS:
                properties = resource["Properties"]
                for each in properties.get("Policies", [properties]):
                    if "PolicyDocument" in each:
                        yield name, logical_id, _without_pseudo(each["PolicyDocument"])


def scan_parliament() -> Report:
    """Return what parliament calls medium or worse."""
    import parliament

    found, count = [], 0
    for name, logical_id, document in documents():
        count += 1
        for each in parliament.analyze_policy_string(json.dumps(document)).findings:
            graded = parliament.enhance_finding(each)
            if graded.severity not in ("LOW", "MUTE"):
                text = f"{graded.title}: {each.detail}"
                reason = reasons(name, logical_id).get(each.issue, "")
                found.append(Finding("parliament", each.issue, name, logical_id, text, reason))
    return _report("parliament", count, found)


def scan_cloudsplaining() -> Report:
    """Return every answer of cloudsplaining, the low ones too."""
    from cloudsplaining.scan.policy_document import (
        PolicyDocument,
    )

    found, count = [], 0
    for name, logical_id, document in documents():
        count += 1
        judged = PolicyDocument(document)
        for rule, attribute in QUESTIONS.items():
            if answer := getattr(judged, attribute):
                reason = reasons(name, logical_id).get(rule, "")
                text = json.dumps(answer, default=str)
                found.append(Finding("cloudsplaining", rule, name, logical_id, text, reason))
    return _report("cloudsplaining", count, found)


def _report(engine: str, count: int, found: list[Finding]) -> Report:
    return Report(engine, metadata.version(engine), f"{count} policies", tuple(found))


def _without_pseudo(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out the statements that Fn::If takes away (AWS::NoValue)."""
    kept = [each for each in document["Statement"] if "Effect" in each]
    return document | {"Statement": kept}
