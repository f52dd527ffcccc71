"""CloudFormation templates as plain data, with what a deployment knows filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from deployment.templates import INFRA, declared, read

__all__ = ["INFRA", "declared", "fill", "read", "resources"]


def fill(value: Any, known: Mapping[str, str]) -> Any:
    """Replace Ref, Sub, Join and Split where everything in them is known."""
    if isinstance(value, list):
        return [fill(each, known) for each in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((name, argument),) = value.items()
        if name == "Ref" and argument in known:
            return known[argument]
        if name == "Fn::Join":
            return argument[0].join(fill(argument[1], known))
        if name == "Fn::Split":
            return fill(argument[1], known).split(argument[0])
        if name == "Fn::Sub":
            text, more = argument if isinstance(argument, list) else (argument, {})
            names = {**known, **fill(more, known)}
            return re.sub(r"\$\{([^}]+)\}", lambda found: str(names.get(found[1], found[0])), text)
    return {key: fill(each, known) for key, each in value.items()}


def resources(name: str, known: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return a template's resources, filled in."""
    found: dict[str, dict[str, Any]] = fill(declared(name), known)
    return found
