"""What was asked of IAM: one line for each new role, action, resource and decision; no bodies."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAME = "calls.jsonl"
# Keys that say where something lies or what it is for; none holds a value of an applicant.
CONTEXT = (
    "cloudwatch:namespace",
    "iam:passedtoservice",
    "kms:encryptioncontextkeys",
    "kms:viaservice",
    "s3:prefix",
    "sagemaker:vpcsecuritygroupids",
    "sagemaker:vpcsubnets",
)


class Calls:
    """Appends to one file, which a later run of the server goes on with."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._known = set(path.read_text().splitlines()) if path.exists() else set()

    def note(
        self, role: str, action: str, resource: str, decision: str, context: Mapping[str, Any]
    ) -> None:
        """Record one call unless the same was recorded before."""
        kept = {name: context[name] for name in CONTEXT if context.get(name) is not None}
        entry = {"role": role, "action": action, "resource": resource, "decision": decision}
        line = json.dumps(entry | ({"context": kept} if kept else {}))
        with self._lock:
            if line in self._known:
                return
            self._known.add(line)
            with self.path.open("a") as file:
                file.write(f"{line}\n")
