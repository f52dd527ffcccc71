"""The form's page: the template of `web/`, filled from a portfolio in one language."""

from __future__ import annotations

import functools
import json
from html import escape
from string import Template
from typing import Any

from solvencia import contracts_form, portfolio, words
from solvencia.decision import LANGUAGES
from solvencia.portfolio import Portfolio
from solvencia.site import assets, fields
from solvencia.words import Words

MARGIN_PDO = 2  # how far the drawn scale goes beyond the outermost cut-offs, in points to double


@functools.cache
def render(name: str, language: str) -> str:
    """Return the page of a portfolio; its addresses are relative, as a stage has a prefix."""
    product = portfolio.load(name)
    called, texts = words.load(product), assets.texts(language)
    form = contracts_form.form(product, called)
    other = next(each for each in LANGUAGES if each != language)
    values = {
        "language": language,
        "title": form["title"][language],
        "name": name,
        "other": other,
        "other_name": assets.texts(other)["language_name"],
        "stylesheet": f"{name}/{assets.address('form.css')}",
        "stylesheet_without": f"{name}/{assets.address('without_script.css')}",
        "script": f"{name}/{assets.address('form.js')}",
        "icon": f"{name}/{assets.address('icon.svg')}",
        "without_script": texts["without_script"],
        "without_script_other": assets.texts(other)["without_script"],
        **{
            key: texts[key] for key in ("heading", "lead", "skip", "submit", "privacy", "languages")
        },
    }
    return Template(assets.read(assets.TEMPLATE)).substitute(
        {key: escape(text) for key, text in values.items()},
        fields=fields.render(form, language, texts),
        setup=_as_data(setup(product, called, language)),
    )


def setup(product: Portfolio, called: Words, language: str) -> dict[str, Any]:
    """Return what the script needs: the rules of the fields, the scale, and its texts."""
    form = contracts_form.form(product, called)
    return {
        "language": language,
        "title": form["title"][language],
        "texts": assets.texts(language)["script"],
        "months": product.label.window_months,
        "lender": dict(called.lender),
        "fields": [_rules(each, language) for each in form["fields"]],
        "bands": [
            {
                "name": each.name,
                "label": called.say(language, each.name),
                "points_min": each.points_min,
                "decision": each.decision,
            }
            for each in product.bands
        ],
        "scale": scale(product),
        "reasons": {
            each.reason["code"]: each.reason[language] for each in product.features if each.citable
        },
    }


def scale(product: Portfolio) -> dict[str, int]:
    """Return the ends of the drawn scale, in whole tens of points."""
    cuts = [each.points_min for each in product.bands if each.points_min is not None]
    cuts = cuts or [product.scaling.points]
    margin = MARGIN_PDO * product.scaling.pdo
    return {
        "low": int((min(cuts) - margin) // 10 * 10),
        "high": int(-(-(max(cuts) + margin) // 10) * 10),
    }


def _rules(field: dict[str, Any], language: str) -> dict[str, Any]:
    rules = {key: field[key] for key in ("name", "input", "is_required")}
    rules["label"] = field["label"][language]
    if field["input"] == "number":
        rules |= {key: field[key] for key in ("minimum", "maximum")}
        rules["is_whole"] = field["step"] == 1
        rules["codes"] = [each["value"] for each in field["sentinels"]]
    return rules


def _as_data(value: object) -> str:
    """Return JSON that cannot end the element that it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
