"""Why a stack failed, from the events of it and of its nested stacks."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from deployment.change_set import NESTED
from deployment.faults import hint

EMBEDDED = re.compile(r"Embedded stack (arn:\S+) was not")


def explain(client: Any, name: str, stack_id: str, status: str, seen: Collection[str]) -> str:
    """Return a line for each resource that failed, with its reason, and the next step.

    `seen` are the ids of the stack's events before the operation.
    """
    lines = [f"stack {name} is {status}; what failed, and why:"]
    found = [each for each in events(client, stack_id) if each["EventId"] not in seen]
    for event in failures(client, stack_id, found):
        reason = event.get("ResourceStatusReason", "no reason given")
        lines.append(
            f"  {event['StackName']}: {event['LogicalResourceId']} ({event['ResourceType']}) "
            f"{event['ResourceStatus']}: {reason}{hint(reason)}"
        )
    if status == "DELETE_FAILED":
        lines.append("Take away what holds it, and destroy again: it goes on where it stopped.")
    elif status in ("ROLLBACK_FAILED", "UPDATE_ROLLBACK_FAILED"):
        lines.append("Continue the rollback in CloudFormation's console, then deploy again.")
    else:
        lines.append("Nothing of it was kept: correct what is named, and deploy again.")
    return "\n".join(lines)


def failures(client: Any, stack_id: str, found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the failed ones of these events and, before them, those of the nested stacks since."""
    nested: dict[str, None] = {}
    for event in found:
        if event["ResourceType"] == NESTED and event["ResourceStatus"].endswith("_FAILED"):
            named = EMBEDDED.search(event.get("ResourceStatusReason", ""))
            child = event.get("PhysicalResourceId") or (named[1] if named else "")
            if child and child != stack_id:
                nested[child] = None
    for child in nested:
        since = found[0]["Timestamp"]
        later = [each for each in events(client, child) if each["Timestamp"] >= since]
        yield from failures(client, child, later)
    for event in found:
        reason = event.get("ResourceStatusReason", "")
        if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason:
            yield event


def events(client: Any, stack_id: str) -> list[dict[str, Any]]:
    """Return the stack's events, oldest first."""
    pages = client.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    return [event for page in pages for event in page["StackEvents"]][::-1]
