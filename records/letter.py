"""A decision's letter as a page that prints: the same words as the form's own letter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from solvencia import words
from solvencia.portfolio import Portfolio
from solvencia.site import assets

REASONS_MAX = 4  # Regulation B, comment 9(b)(2)-1: more than four reasons help nobody
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
body { max-width: 42rem; margin: 2.5rem auto; padding: 0 1.2rem; color: #14202b; background: #fff;
  font: 1rem/1.55 Georgia, "Times New Roman", "Liberation Serif", serif; }
header { display: flex; flex-wrap: wrap; justify-content: space-between; gap: .5rem 2rem;
  padding-bottom: .9rem; border-bottom: 2px solid #14202b; }
header b { display: block; font-size: 1.15rem; }
header span { white-space: pre-line; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0 .8rem; margin: 0; font-size: .92rem; }
dt { color: #475663; }
dd { margin: 0; overflow-wrap: anywhere; }
h1 { font-size: 1.2rem; line-height: 1.3; margin: 1.6rem 0 1rem; }
h2 { font-size: 1rem; margin: 1.3rem 0 .4rem; break-after: avoid; }
ol { padding-left: 1.5rem; }
li, p { break-inside: avoid; }
.small { font-size: .9rem; }
@page { margin: 18mm 18mm 16mm; }
@media print { body { margin: 0; padding: 0; max-width: none; font-size: 10.5pt; } }
"""


def render(answer: Mapping[str, Any], product: Portfolio, language: str) -> str:
    """Return the letter of a decision's answer, whose reasons are in this language already.

    A refusal states only what raised the risk; what goes to a person states no reason yet.
    """
    texts = assets.texts(language)["script"]["letter"]
    called = words.load(product)
    lender, title = called.lender, product.title.get(language, product.name)
    sender = lender.get("name", title)
    is_adverse = answer["decision"] == "decline"
    band = called.say(language, answer["band"])
    told = texts[answer["decision"]].format(points=answer["points"], band=band)
    notes = [texts["automated"]]
    if is_adverse:
        notes.append(texts["statement"])
    contact = lender.get("contact")
    notes.append(texts["contact"].format(contact=contact) if contact else texts["contact_lender"])
    if is_adverse:
        supervisor = lender.get("supervisor")
        more = " " + texts["supervisor"].format(supervisor=supervisor) if supervisor else ""
        notes.append(texts["equal"] + more)
    facts = (
        (texts["date"], answer["decided_at"][:10]),
        (texts["reference"], answer["decision_id"]),
    )
    address = escape(lender.get("address", ""))
    body = [
        f"<header><div><b>{escape(sender)}</b><span>{address}</span></div>",
        "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in facts) + "</dl>",
        "</header>",
        f"<h1>{escape(texts['subject'].format(title=title))}</h1>",
        _paragraph(texts["greeting"]),
        _paragraph(told),
        *_principal(answer["reasons"], answer["decision"], texts),
        f"<h2>{escape(texts['rights'])}</h2>",
        *(_paragraph(each, "small") for each in notes),
        _paragraph(texts["closing"]),
        _paragraph(sender),
    ]
    head = (
        f'<!DOCTYPE html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} · {escape(answer['decision_id'])}</title>\n"
        f"<style>{_STYLE}</style>\n</head>\n<body>\n"
    )
    return head + "\n".join(body) + "\n</body>\n</html>\n"


def _principal(
    reasons: Sequence[Mapping[str, str]], decision: str, texts: Mapping[str, str]
) -> list[str]:
    if decision == "refer":
        return []
    is_adverse = decision == "decline"
    effect = "raises" if is_adverse else "lowers"
    cited = [each["text"] for each in reasons if each["effect"] == effect][:REASONS_MAX]
    if not cited:
        return [_paragraph(texts["no_reasons"])] if is_adverse else []
    items = "".join(f"<li>{escape(each)}</li>" for each in cited)
    return [f"<h2>{escape(texts['reasons' if is_adverse else 'helped'])}</h2>", f"<ol>{items}</ol>"]


def _paragraph(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"
