"""A change set as a person reads it, and the question before it acts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

NESTED = "AWS::CloudFormation::Stack"
# What holds data that nothing makes again: kept when its stack goes.
KEPT_TYPES = frozenset(
    {
        "AWS::DynamoDB::Table",
        "AWS::KMS::Key",
        "AWS::S3::Bucket",
        "AWS::SageMaker::ModelPackageGroup",
    }
)
# A replacement would start from an empty one. Their stack may be switched off, and they with it.
DATA_TYPES = KEPT_TYPES | {"AWS::ECR::Repository", "AWS::Glue::Database", "AWS::Logs::LogGroup"}
REPLACEMENTS = {"True": ", REPLACED", "Conditional": ", may be REPLACED"}
MARKS = {"Add": "+", "Modify": "~", "Remove": "-", "Import": "<", "Dynamic": "?"}


@dataclass(frozen=True)
class Change:
    """What happens to one resource; `path` names its stacks, from the root's child on."""

    path: str
    kind: str
    action: str
    replacement: str = ""  # "True", "Conditional", else not

    @property
    def is_loss(self) -> bool:
        """Whether data would be left behind."""
        is_replaced = self.kind in DATA_TYPES and self.replacement in REPLACEMENTS
        return is_replaced or (self.kind in KEPT_TYPES and self.action == "Remove")

    def __str__(self) -> str:
        is_marked = self.is_loss or self.replacement == "True"
        mark = "!" if is_marked else MARKS.get(self.action, "?")
        return f"{mark} {self.path} ({self.kind}{REPLACEMENTS.get(self.replacement, '')})"


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
            kind, action = resource["ResourceType"], resource["Action"]
            if nested:
                yield from read(client, nested, f"{path}/")
            elif kind == NESTED and action == "Remove":
                yield from _removed(client, resource["PhysicalResourceId"], f"{path}/")
            if not nested or action != "Modify":
                is_nested = kind == NESTED
                replacement = "" if is_nested else resource.get("Replacement", "")
                yield Change(path, kind, action, replacement)
        if "NextToken" not in page:
            return
        token = {"NextToken": page["NextToken"]}


def _removed(client: Any, stack_id: str, above: str) -> Iterator[Change]:
    """Yield the resources that go with a nested stack, of which a change set says nothing."""
    pages = client.get_paginator("list_stack_resources").paginate(StackName=stack_id)
    for each in (each for page in pages for each in page["StackResourceSummaries"]):
        yield Change(f"{above}{each['LogicalResourceId']}", each["ResourceType"], "Remove")


def lost_data(changes: Iterable[Change], given_up: Collection[str] = ()) -> list[Change]:
    """Return the changes that would leave data behind, but for the paths that are given up."""
    return [each for each in changes if each.is_loss and each.path not in given_up]


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
