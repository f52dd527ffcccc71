"""An application that a schema allows, made up from its bounds: about nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def example(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the smallest application that the JSON Schema allows: what it requires, and no more.

    Each value is the first of an enumeration, else the least that is allowed.
    """
    return {name: _value(schema["properties"][name]) for name in schema["required"]}


def _value(field: Mapping[str, Any]) -> Any:
    if "enum" in field:
        return field["enum"][0]
    if "anyOf" in field:
        return _value({**field["anyOf"][0], "type": field.get("type")})
    kinds = field.get("type") or "number"
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if kind == "boolean":
        return False
    if kind == "string":
        return "x" * int(field.get("minLength", 1))
    return field.get("minimum", field.get("exclusiveMinimum", 0) + 1)
