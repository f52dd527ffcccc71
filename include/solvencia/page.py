"""Pieces of a self-contained HTML page: every text escaped, pictures inside, nothing fetched."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 "Helvetica Neue", Arial, sans-serif; color: #1f2a37; background: #fff;
  max-width: 60rem; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .4rem; padding-top: .6rem; border-top: 2px solid #2a7f9e; }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p { margin: .4rem 0 .8rem; max-width: 46rem; }
.small, caption, figcaption { color: #5b6773; font-size: .87rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(12.5rem, 1fr));
  gap: .6rem; margin: 1rem 0; }
.figure { border: 1px solid #d5dbe1; border-radius: 6px; padding: .5rem .7rem; }
.figure b { display: block; font-size: 1.3rem; }
.figure span { display: block; color: #5b6773; font-size: .8rem; line-height: 1.3; }
dl { display: grid; grid-template-columns: minmax(9rem, 14rem) 1fr; gap: .3rem 1rem;
  margin: .8rem 0; }
dt { color: #5b6773; }
dd { margin: 0; overflow-wrap: anywhere; }
.passed, .refused { padding: .6rem .8rem; border-left: 4px solid #2a7f9e; background: #eef5f8; }
.refused { border-color: #c8553d; background: #fbefec; }
table { border-collapse: collapse; width: 100%; margin: .6rem 0 1.2rem; font-size: .87rem;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .2rem 0; }
th, td { padding: .25rem .5rem; text-align: right; border-bottom: 1px solid #e4e8ec; }
th { vertical-align: bottom; font-weight: 600; border-bottom: 1px solid #9aa5b1; }
th:first-child, td:first-child { text-align: left; }
tr.flagged td { background: #fbefec; }
td:first-child { min-width: 7rem; }
.rules td:nth-child(4) { white-space: nowrap; }
.dense { font-size: .76rem; }
.dense th, .dense td { padding: .2rem .25rem; white-space: nowrap; }
.texts th, .texts td { text-align: left; vertical-align: top; }
ul.refused { padding-left: 1.8rem; }
img { width: 100%; max-width: 37rem; height: auto; display: block; }
figure { margin: .8rem 0; }
@page { size: A4; margin: 16mm 14mm; }
@media print {
  body { font-size: 10pt; margin: 0; max-width: none; padding: 0; }
  figure, tr, .figures, .passed, .refused { break-inside: avoid; }
  table { break-inside: avoid-page; }
  thead { display: table-header-group; }
  h2, h3, h2 + p, h3 + p { break-after: avoid; }
  img { max-width: 125mm; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""


def whole(title: str, *parts: str) -> str:
    """Return the page; `parts` are HTML, `title` is text."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def heading(text: str, level: int = 2) -> str:
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text: str, kind: str = "") -> str:
    opening = f'<p class="{escape(kind)}">' if kind else "<p>"
    return f"{opening}{escape(text)}</p>"


def listed(texts: Sequence[str], kind: str = "") -> str:
    """Return a list of sentences."""
    items = "".join(f"<li>{escape(each)}</li>" for each in texts)
    return f'<ul class="{escape(kind)}">{items}</ul>'


def figures(rows: Sequence[tuple[str, str, str]]) -> str:
    """Return a row of key figures: name, value and what the value means."""
    cells = (
        f'<div class="figure">{escape(name)}<b>{escape(value)}</b><span>{escape(text)}</span></div>'
        for name, value, text in rows
    )
    return '<div class="figures">\n' + "\n".join(cells) + "\n</div>"


def picture(name: str, png: bytes, alt: str) -> str:
    """Return a PNG embedded in the page."""
    body = base64.b64encode(png).decode()
    return (
        f'<figure id="{escape(name)}"><img alt="{escape(alt)}" '
        f'src="data:image/png;base64,{body}"></figure>'
    )


def table(
    caption: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    flagged: Sequence[int] = (),
    kind: str = "",
) -> str:
    """Return a table; `flagged` numbers the rows that want a reader's eye, from 0.

    `kind` is "dense" for many columns, "texts" where cells are sentences, "rules" for a gate's.
    """
    opening = f'<table class="{escape(kind)}">' if kind else "<table>"
    lines = [f"{opening}<caption>{escape(caption)}</caption>", "<thead><tr>"]
    lines += [f'<th scope="col">{escape(each)}</th>' for each in head]
    lines.append("</tr></thead><tbody>")
    for place, row in enumerate(rows):
        opening = '<tr class="flagged">' if place in flagged else "<tr>"
        lines.append(opening + "".join(f"<td>{escape(each)}</td>" for each in row) + "</tr>")
    return "\n".join([*lines, "</tbody></table>"])


def terms(rows: Sequence[tuple[str, str]]) -> str:
    """Return a list of names, each with what is said of it."""
    items = "\n".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in rows)
    return f"<dl>\n{items}\n</dl>"


def links(label: str, rows: Sequence[tuple[str, str]]) -> str:
    """Return links to files beside the page: address and text."""
    items = " · ".join(f'<a href="{escape(href)}">{escape(text)}</a>' for href, text in rows)
    return f'<nav class="small" aria-label="{escape(label)}">{items}</nav>'


def share(value: float | None, digits: int = 1) -> str:
    """Return a share as percent; an en dash where there is none."""
    return "–" if value is None else f"{value:.{digits}%}".replace("%", "\u00a0%")  # noqa: RUF001


def number(value: float | None, digits: int = 3) -> str:
    """Return a number; an en dash where there is none."""
    return "–" if value is None else f"{value:,.{digits}f}"  # noqa: RUF001


def points(value: float | None) -> str:
    """Return a difference in percentage points, with its sign; an en dash where there is none."""
    return "–" if value is None else f"{100 * value:+.1f} pp"  # noqa: RUF001


def amount(value: float) -> str:
    """Return a value of a field to four significant digits, in full where it is large."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
