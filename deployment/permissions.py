"""Replay recorded calls against the templates' policies: `python -m deployment.permissions CALLS`.

The embedded AWS records what each role asked for (`build/aws/calls.jsonl`). An allowed action that
no call used must carry a reason in its role's `Metadata.permissions`: under `Sid action`, under the
statement's Sid, or under `*` for a role that the recorded job does not touch. `--write` brings
docs/permissions.md up to date.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deployment import templates
from solvencia import portfolio

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "permissions.md"
MARK = "<!-- written by python -m deployment.permissions -->\n"
# Ids that only a deployment knows: the templates, worked out, have examples.
DEPLOYED = ("sagemaker:vpcsecuritygroupids", "sagemaker:vpcsubnets")
KEY = re.compile(r"key/[0-9a-f-]{36}")


@dataclass(frozen=True)
class Call:
    """One recorded call, spelled with the account, the region and the portfolio of an example."""

    role: str
    action: str
    resource: str
    decision: str
    context: Mapping[str, Any]


@dataclass(frozen=True)
class Grant:
    """One action of one statement of a role's policies; `reason` is why it stands unused."""

    template: str
    role: str
    sid: str
    action: str
    resources: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, Any]] = field(hash=False)
    reason: str = ""

    def covers(self, call: Call) -> bool:
        """Tell whether a call is one that this grant allows."""
        return (
            self.role == call.role
            and _matches(call.action, self.action, ignores_case=True)
            and any(_matches(call.resource, each) for each in self.resources)
            and all(
                _holds(operator, name, _listed(wanted), call.context)
                for operator, keys in self.conditions.items()
                for name, wanted in keys.items()
            )
        )


def read_calls(path: Path) -> list[Call]:
    """Return the recorded calls, each once, those of every portfolio as the example's."""
    account, region = templates.PSEUDO["AWS::AccountId"], templates.PSEUDO["AWS::Region"]
    example, key = templates.PSEUDO["Portfolio"], templates.ARNS["AWS::KMS::Key"]
    text = path.read_text(encoding="utf-8")
    text = text.replace("000000000000", account).replace("us-east-1", region)
    text = KEY.sub(key.rpartition(":")[2], text)
    for name in portfolio.names():
        text = text.replace(name, example)
        text = text.replace(name.replace("_", "-"), example.replace("_", "-"))
    found = [json.loads(line) for line in sorted(set(text.splitlines()))]
    return [Call(context=each.pop("context", {}), **each) for each in found]


def grants() -> list[Grant]:
    """Return what every role of the templates may do, one action each."""
    found = []
    for name in templates.names():
        for logical_id, resource in templates.resolved(name).items():
            if resource["Type"] != "AWS::IAM::Role":
                continue
            reasons = templates.declared(name)[logical_id].get("Metadata", {})
            reasons = reasons.get("permissions", {})
            role = str(resource["Properties"].get("RoleName", f"{name}-{logical_id}"))
            for policy in resource["Properties"].get("Policies", []):
                for each in policy["PolicyDocument"]["Statement"]:
                    for action in _listed(each.get("Action", [])):  # Fn::If may take one away
                        keys = (f"{each['Sid']} {action}", each["Sid"], "*")
                        found.append(
                            Grant(
                                name,
                                role,
                                each["Sid"],
                                action,
                                tuple(map(str, _listed(each["Resource"]))),
                                each.get("Condition", {}),
                                next((reasons[key] for key in keys if key in reasons), ""),
                            )
                        )
    return found


def _matches(text: str, pattern: str, *, ignores_case: bool = False) -> bool:
    spelled = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    flags = re.IGNORECASE if ignores_case else 0
    return re.fullmatch(spelled, text, flags | re.DOTALL) is not None


def _holds(operator: str, name: str, wanted: list[str], context: Mapping[str, Any]) -> bool:
    """Judge a condition by what was recorded; a key that is never recorded counts as kept."""
    if name.lower().startswith("aws:"):
        return True
    given = context.get(name.lower())
    if operator == "Null":
        return (given is None) == (wanted[0] == "true")
    if given is None:
        return operator.startswith("ForAllValues:")
    if name.lower() in DEPLOYED:
        return True
    return all(
        any(
            _matches(each, pattern) if operator.endswith("Like") else each == pattern
            for pattern in wanted
        )
        for each in _listed(given)
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def render(allowed: list[Grant], used: set[Grant]) -> str:
    """Write a table: what the recorded job used of each statement, and why the rest stands.

    Statements of a role that are unused for the same reason share a line.
    """
    rows: dict[tuple[str, str], tuple[list[str], list[Grant]]] = {}
    for each in allowed:
        mates = [mate for mate in allowed if (mate.role, mate.sid) == (each.role, each.sid)]
        reasons = {mate.reason for mate in mates}
        is_idle = not used.intersection(mates) and len(reasons) == 1
        key = (each.role, f"idle: {each.reason}" if is_idle else each.sid)
        sids, members = rows.setdefault(key, ([], []))
        sids.append(each.sid)
        members.append(each)
    lines = ["| role | statements | used by the recorded job | unused, and why it stands |"]
    lines.append("| --- | --- | --- | --- |")
    for (role, _), (sids, members) in rows.items():
        idle: dict[str, list[Grant]] = {}
        for each in members:
            if each not in used:
                idle.setdefault(each.reason or "**no reason**", []).append(each)
        kept = "; ".join(f"{_spell(those)}: {why}" for why, those in idle.items())
        asked = _spell(each for each in members if each in used)
        lines.append(f"| {role} | {', '.join(dict.fromkeys(sids))} | {asked} | {kept} |")
    return "\n".join(lines) + "\n"


def _spell(members: Iterable[Grant]) -> str:
    return " ".join(dict.fromkeys(f"`{each.action}`" for each in members))


def main() -> int:
    """Say what no call needs and what was refused; 1 where an unused action has no reason."""
    parser = argparse.ArgumentParser(prog="python -m deployment.permissions", description=__doc__)
    parser.add_argument("calls", type=Path, help="the record: build/aws/calls.jsonl")
    parser.add_argument("--write", action="store_true", help="write docs/permissions.md")
    arguments = parser.parse_args()
    calls, allowed = read_calls(arguments.calls), grants()
    used = {each for each in allowed if any(each.covers(call) for call in calls)}
    idle = [each for each in allowed if each not in used]
    for each in idle:
        if not each.reason:
            print(f"{each.template}: {each.role} {each.sid} {each.action}: no call needs it")
    for call in calls:
        if call.decision == "unjudged":
            print(f"unjudged: {call.role} {call.action}")
        elif not any(each.covers(call) for each in allowed):
            print(f"refused: {call.role} {call.action} {call.resource} {dict(call.context) or ''}")
    bare = sum(not each.reason for each in idle)
    print(
        f"{len(calls)} calls used {len(used)} of {len(allowed)} allowed actions; {len(idle)} are "
        f"idle, {bare} of them without a reason"
    )
    if arguments.write:
        head = DOCUMENT.read_text(encoding="utf-8").partition(MARK)[0]
        DOCUMENT.write_text(head + MARK + "\n" + render(allowed, used), encoding="utf-8")
    return 1 if bare else 0


if __name__ == "__main__":
    sys.exit(main())
