"""The form that asks for an application: ordered fields with their texts, generated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from solvencia import words
from solvencia.decision import LANGUAGES
from solvencia.portfolio import Field, Portfolio
from solvencia.words import Words

CHOICES_MAX = 3  # up to so many categories stand side by side, more in a list

_TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "between": "from {low} to {high}",
        "least": "{low} or more",
        "most": "{high} or less",
        "whole": "a whole number",
        "empty": "leave it empty if you do not know",
    },
    "es": {
        "between": "de {low} a {high}",
        "least": "{low} o más",
        "most": "{high} o menos",
        "whole": "un número entero",
        "empty": "déjelo vacío si no lo sabe",
    },
}


def form(portfolio: Portfolio, texts: Words | None = None) -> dict[str, Any]:
    """Return the form's fields in the portfolio's order, each with its texts in each language.

    `label` is the field's help text, or its name where there is none; `hint` says what helps to
    answer, the bounds, and what to do when the value is not known. Codes that mean the same are
    one sentinel: the first of them is sent.
    """
    texts = words.load(portfolio) if texts is None else texts
    return {
        "portfolio": portfolio.name,
        "title": {each: portfolio.title.get(each, portfolio.name) for each in LANGUAGES},
        "action": f"/v1/{portfolio.name}/score",
        "languages": list(LANGUAGES),
        "fields": [_field(each, texts) for each in portfolio.request_fields],
    }


def _field(field: Field, texts: Words) -> dict[str, Any]:
    body: dict[str, Any] = {
        "name": field.name,
        "input": _kind(field),
        "label": {each: field.help.get(each) or _humanise(field.name) for each in LANGUAGES},
        "hint": {each: ". ".join(_hint(field, each, texts)) for each in LANGUAGES},
        "unit": {each: texts.say(each, field.unit, field.name) for each in LANGUAGES},
        "is_required": not field.nullable,
    }
    if field.type == "text":
        return {
            **body,
            "options": [
                {"value": each, "label": _called(field, each, texts)} for each in field.categories
            ],
        }
    codes: dict[str, str] = {}
    for code, meaning in field.sentinels.items():
        codes.setdefault(meaning, code)
    return {
        **body,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "step": 1 if field.type == "integer" else "any",
        "sentinels": [
            {
                "value": float(code) if field.type == "number" else int(float(code)),
                "meaning": _called(field, meaning, texts),
            }
            for meaning, code in codes.items()
        ],
    }


def _kind(field: Field) -> str:
    if field.type != "text":
        return "number"
    return "choice" if len(field.categories) <= CHOICES_MAX else "select"


def _called(field: Field, text: str, texts: Words) -> dict[str, str]:
    return {each: _capital(texts.say(each, text, field.name)) for each in LANGUAGES}


def _hint(field: Field, language: str, texts: Words) -> Iterator[str]:
    """Yield the hint's sentences, without their full stops."""
    if help_text := texts.hint(language, field.name):
        yield help_text
    spoken, parts = _TEXTS[language], []
    if field.is_numeric:
        low, high = (
            None if each is None else spell(each, language)
            for each in (field.minimum, field.maximum)
        )
        kind = "between" if low and high else "least" if low else "most" if high else ""
        parts.append(spoken[kind].format(low=low, high=high) if kind else "")
        parts.append(spoken["whole"] if field.type == "integer" else "")
    if given := ", ".join(filter(None, parts)):
        yield _capital(given)
    if field.nullable:
        yield _capital(spoken["empty"])


def spell(value: float, language: str) -> str:
    """Return a number as a person of that language writes it."""
    text = f"{value:,.15g}"
    return text if language == "en" else text.translate(str.maketrans(",.", ".,"))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _humanise(name: str) -> str:
    return name.replace("_", " ").capitalize()
