"""A finding of an engine, and the reason that its resource gives for living with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deployment import templates


@dataclass(frozen=True)
class Finding:
    """One rule that one resource does not keep; `reason` is empty where nobody explained it."""

    engine: str
    rule: str
    template: str
    resource: str
    text: str
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """What one engine looked at: `checked` in the engine's own unit, and what it found.

    `rules` are those that the engine ran; empty where it does not tell.
    """

    engine: str
    version: str
    checked: str
    findings: tuple[Finding, ...]
    rules: tuple[str, ...] = ()

    @property
    def accepted(self) -> tuple[Finding, ...]:
        """Return the findings that have a reason."""
        return tuple(each for each in self.findings if each.reason)

    @property
    def unexplained(self) -> tuple[Finding, ...]:
        """Return the findings that have none."""
        return tuple(each for each in self.findings if not each.reason)


def reasons(template: str, logical_id: str) -> dict[str, str]:
    """Return rule -> reason from a resource's metadata: `checkov.skip` and `guard.Reasons`."""
    metadata = templates.declared(template).get(logical_id, {}).get("Metadata", {})
    skipped = metadata.get("checkov", {}).get("skip", [])
    found = {each["id"]: str(each.get("comment", "")) for each in skipped}
    guard = metadata.get("guard", {})
    told = guard.get("Reasons", {})
    found |= {rule: str(told.get(rule, "")) for rule in guard.get("SuppressedRules", [])}
    return found | {rule: str(text) for rule, text in metadata.get("policies", {}).items()}


def unused(report: Report) -> list[str]:
    """Return a line for each suppression of the engine's rules that suppresses nothing."""
    met = {(each.template, each.resource, each.rule) for each in report.findings}
    return [
        f"{template}.{logical_id} suppresses {rule}, which it keeps"
        for template in templates.names()
        for logical_id in templates.declared(template)
        for engine, rule in _suppressed(template, logical_id)
        if engine == report.engine
        and (not report.rules or rule in report.rules)
        and (template, logical_id, rule) not in met
    ]


def _suppressed(template: str, logical_id: str) -> Iterator[tuple[str, str]]:
    metadata = templates.declared(template)[logical_id].get("Metadata", {})
    yield from (("checkov", each["id"]) for each in metadata.get("checkov", {}).get("skip", []))
    yield from (
        ("cfn-guard", rule) for rule in metadata.get("guard", {}).get("SuppressedRules", [])
    )
