"""The copy in another region: a stack of its own, which is there before what writes to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from deployment.stack import DeploymentFailed, Stack

LOCK_DAYS = "ArchiveLockDays"


def stack_name(stack: str) -> str:
    """Return the name of the stack that holds another one's copy."""
    return f"{stack}-replica"


def deploy(
    session: Any,
    stack: str,
    region: str,
    template: Path,
    given: Mapping[str, str],
    say: Callable[[str], None],
    agree: Callable[[str], None],
) -> dict[str, str]:
    """Create or update bucket and key in `region`; return the root stack's parameters for them.

    Raises DeploymentFailed, too where the region is the stack's own.
    """
    if region == session.region_name:
        raise DeploymentFailed(
            f"replica_region is {region}, where the stack itself stands: name another region"
        )
    client = session.client("cloudformation", region_name=region)
    wanted = {"Stack": stack}
    if LOCK_DAYS in given:
        wanted["LockDays"] = given[LOCK_DAYS]
    copy = Stack(client, stack_name(stack), say, agree)
    # Its text, as a bucket of the stack's own region may be out of the other one's sight.
    found = copy.deploy({"TemplateBody": template.read_text(encoding="utf-8")}, wanted)
    return {name: found[name] for name in ("ReplicaBucketArn", "ReplicaKeyArn")}
