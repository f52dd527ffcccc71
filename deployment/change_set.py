"""A change set as a person reads it, and the question before it acts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

NESTED = "AWS::CloudFormation::Stack"
# What holds data: a replacement would start from an empty one.
DATA_TYPES = frozenset({"AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key"})
MARKS = {"Add": "+", "Modify": "~", "Remove": "-", "Import": "<", "Dynamic": "?"}


@dataclass(frozen=True)
class Change:
    """What happens to one resource; `path` names its stacks, from the root's child on."""

    path: str
    kind: str
    action: str
    is_replaced: bool

    def __str__(self) -> str:
        mark = "!" if self.is_replaced else MARKS.get(self.action, "?")
        note = ", REPLACED" if self.is_replaced else ""
        return f"{mark} {self.path} ({self.kind}{note})"


class NotConfirmed(RuntimeError):
    """Nobody said yes to the change set, so nothing was changed."""


def read(client: Any, change_set_id: str, above: str = "") -> Iterator[Change]:
    """Yield the changes of a change set and, where CloudFormation made them, of its nested ones."""
    token: dict[str, str] = {}
    while True:
        page = client.describe_change_set(ChangeSetName=change_set_id, **token)
        for each in page.get("Changes", []):
            resource = each["ResourceChange"]
            path = f"{above}{resource['LogicalResourceId']}"
            nested = resource.get("ChangeSetId")
            if nested:
                yield from read(client, nested, f"{path}/")
            if not nested or resource["Action"] != "Modify":
                yield Change(
                    path,
                    resource["ResourceType"],
                    resource["Action"],
                    resource.get("Replacement") == "True",
                )
        if "NextToken" not in page:
            return
        token = {"NextToken": page["NextToken"]}


def lost_data(changes: Iterable[Change]) -> list[Change]:
    """Return the changes that would replace or remove what holds data."""
    return [
        each
        for each in changes
        if each.kind in DATA_TYPES and (each.is_replaced or each.action == "Remove")
    ]


def confirm(what: str, *, is_agreed: bool, answer: Callable[[str], str] = input) -> None:
    """Ask a person at a terminal whether to go on; raise NotConfirmed unless the answer is yes."""
    if is_agreed:
        return
    if not sys.stdin.isatty():
        raise NotConfirmed(
            f"{what}: nobody is at the terminal to agree, and nothing was changed; "
            "give YES=1 (--yes) to go on without being asked"
        )
    if answer(f"{what}? [y/N] ").strip().lower() not in ("y", "yes"):
        raise NotConfirmed("nothing was changed")
