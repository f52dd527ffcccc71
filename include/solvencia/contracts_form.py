"""The form that asks for an application: ordered fields with their texts, generated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from solvencia.decision import LANGUAGES
from solvencia.portfolio import Field, Portfolio

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "between": "{low} to {high}",
        "least": "{low} or more",
        "most": "{high} or less",
        "whole": "a whole number",
        "empty": "leave it empty if it is not known",
        "code": "{code} if {meaning}",
    },
    "es": {
        "between": "de {low} a {high}",
        "least": "{low} o más",
        "most": "{high} o menos",
        "whole": "un número entero",
        "empty": "déjelo vacío si no se conoce",
        "code": "{code} si: {meaning}",
    },
}


def form(portfolio: Portfolio) -> dict[str, Any]:
    """Return the form's fields in the portfolio's order, each with its texts in each language.

    `label` is the field's help text, or its name where there is none; `hint` says the unit, the
    bounds, and what to do when the value is not known.
    """
    return {
        "portfolio": portfolio.name,
        "title": {each: portfolio.title.get(each, portfolio.name) for each in LANGUAGES},
        "action": f"/v1/{portfolio.name}/score",
        "languages": list(LANGUAGES),
        "fields": [_field(each) for each in portfolio.request_fields],
    }


def _field(field: Field) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": field.name,
        "input": "select" if field.type == "text" else "number",
        "label": {each: field.help.get(each) or _humanise(field.name) for each in LANGUAGES},
        "hint": {each: _hint(field, each) for each in LANGUAGES},
        "unit": field.unit,
        "is_required": not field.nullable,
    }
    if field.type == "text":
        return {**body, "options": [{"value": each, "label": each} for each in field.categories]}
    return {
        **body,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "step": 1 if field.type == "integer" else "any",
        "sentinels": [
            {"value": float(code) if field.type == "number" else int(float(code)), "meaning": text}
            for code, text in field.sentinels.items()
        ],
    }


def _hint(field: Field, language: str) -> str:
    words = _WORDS[language]
    parts = []
    if field.is_numeric:
        low, high = (None if each is None else f"{each:,.15g}" for each in _bounds(field))
        kind = "between" if low and high else "least" if low else "most" if high else ""
        limits = words[kind].format(low=low, high=high) if kind else ""
        parts.append(f"{limits} {field.unit}".strip())
        if field.type == "integer":
            parts.append(words["whole"])
        parts += [words["code"].format(code=k, meaning=v) for k, v in field.sentinels.items()]
    if field.nullable:
        parts.append(words["empty"])
    return "; ".join(filter(None, parts))


def _bounds(field: Field) -> tuple[float | None, float | None]:
    return field.minimum, field.maximum


def _humanise(name: str) -> str:
    return name.replace("_", " ").capitalize()
