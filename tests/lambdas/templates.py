"""CloudFormation templates as plain data, with what a deployment knows filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

INFRA = Path(__file__).resolve().parents[2] / "infra"


class _Loader(yaml.SafeLoader):
    """Reads `!Ref x` as {"Ref": x} and `!Sub x` as {"Fn::Sub": x}."""


def _function(loader: _Loader, tag: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


_Loader.add_multi_constructor("!", _function)


def read(name: str) -> dict[str, Any]:
    """Return one template, its functions in their long form."""
    text = (INFRA / f"{name}.yaml").read_text(encoding="utf-8")
    template: dict[str, Any] = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    return template


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
    found: dict[str, dict[str, Any]] = fill(read(name)["Resources"], known)
    return found
