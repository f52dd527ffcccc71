"""The questions of the form as HTML; rules and texts are those of `contracts_form.form`."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

type Form = Mapping[str, Any]
type Texts = Mapping[str, Any]


def render(form: Form, language: str, texts: Texts) -> str:
    """Return every question in order."""
    draw = {"number": _number, "select": _select, "choice": _choice}
    return "\n".join(draw[each["input"]](each, language, texts) for each in form["fields"])


def _number(field: Form, language: str, texts: Texts) -> str:
    name, unit = escape(field["name"]), field["unit"][language]
    described = f"h-{name} e-{name}" + (f" u-{name}" if unit else "")
    mode = "numeric" if field["step"] == 1 and (field["minimum"] or 0) >= 0 else "decimal"
    return (
        f'<div class="field" id="q-{name}">{_label(field, language, texts)}{_hint(field, language)}'
        f'<div class="entry"><input id="f-{name}" name="{name}" type="text" inputmode="{mode}" '
        f'autocomplete="off" maxlength="40" aria-describedby="{described}"{_required(field)}>'
        + (f'<span class="unit" id="u-{name}">{escape(unit)}</span>' if unit else "")
        + f"</div>{_codes(field, language)}{_error(name)}</div>"
    )


def _codes(field: Form, language: str) -> str:
    """Return a box to tick for each code, so that nobody has to know the code."""
    name = escape(field["name"])
    boxes = "".join(
        f'<label class="tick"><input type="checkbox" id="c-{name}-{place}" data-code="{place}" '
        f'aria-describedby="l-{name}"><span>{escape(each["meaning"][language])}</span></label>'
        for place, each in enumerate(field["sentinels"])
    )
    return f'<div class="codes">{boxes}</div>' if boxes else ""


def _select(field: Form, language: str, texts: Texts) -> str:
    name = escape(field["name"])
    first = texts["choose"] if field["is_required"] else texts["unknown"]
    options = "".join(
        f'<option value="{escape(each["value"])}">{escape(each["label"][language])}</option>'
        for each in field["options"]
    )
    return (
        f'<div class="field" id="q-{name}">{_label(field, language, texts)}{_hint(field, language)}'
        f'<div class="entry"><select id="f-{name}" name="{name}" autocomplete="off" '
        f'aria-describedby="h-{name} e-{name}"{_required(field)}>'
        f'<option value="">{escape(first)}</option>{options}</select></div>{_error(name)}</div>'
    )


def _choice(field: Form, language: str, texts: Texts) -> str:
    name = escape(field["name"])
    choices = [(each["value"], each["label"][language]) for each in field["options"]]
    choices += [] if field["is_required"] else [("", texts["unknown"])]
    buttons = "".join(
        f'<label class="tick"><input type="radio" id="f-{name}{f"-{place}" if place else ""}" '
        f'name="{name}" value="{escape(value)}" autocomplete="off"{_required(field)}>'
        f"<span>{escape(text)}</span></label>"
        for place, (value, text) in enumerate(choices)
    )
    return (
        f'<fieldset class="field" id="q-{name}" aria-describedby="h-{name} e-{name}">'
        f"<legend>{_question(field, language, texts)}</legend>{_hint(field, language)}"
        f'<div class="choices">{buttons}</div>{_error(name)}</fieldset>'
    )


def _label(field: Form, language: str, texts: Texts) -> str:
    name = escape(field["name"])
    return f'<label id="l-{name}" for="f-{name}">{_question(field, language, texts)}</label>'


def _question(field: Form, language: str, texts: Texts) -> str:
    optional = f' <span class="optional">{escape(texts["optional"])}</span>'
    return escape(field["label"][language]) + ("" if field["is_required"] else optional)


def _hint(field: Form, language: str) -> str:
    text = field["hint"][language]
    kind = "hint" if text else "hint blank"
    return f'<p class="{kind}" id="h-{escape(field["name"])}">{escape(text)}</p>'


def _required(field: Form) -> str:
    return " required" if field["is_required"] else ""


def _error(name: str) -> str:
    return f'<p class="error" id="e-{name}" aria-live="polite"></p>'
