"""How a batch's scores lie beside those the model was trained on: PSI and a picture of both.

Standard library only, over counts of points, so that memory does not grow with the rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

WATCH, SHIFTED = 0.10, 0.25  # as in solvencia.drift
WIDTH, HEIGHT, BOTTOM, LEFT = 760, 360, 60, 50


def compare(points: Mapping[int, int], reference: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return index, reading and bins of the batch against the training scores' bins.

    `points` counts rows by their points; `reference` is `drift` of the version's report.json. The
    index is that of `drift.compare` over the same bins: a bin without rows counts as half a row.
    Without a reference, or without scores, the index is None and `why` says so.
    """
    rows = sum(points.values())
    if reference is None:
        return _unknown("the version's evaluation holds no scores of the training rows")
    if not rows:
        return _unknown("no row was scored")
    bins = []
    for each in reference["score"]["bins"]:
        if each["is_missing"]:
            continue
        low, high = each["low"], each["high"]
        count = sum(
            number
            for value, number in points.items()
            if (low is None or value > low) and (high is None or value <= high)
        )
        was = max(each["train_share"], 0.5 / reference["scored_train_rows"])
        now = max(count, 0.5) / rows
        bins.append(
            {
                "low": low,
                "high": high,
                "train_share": each["train_share"],
                "batch_share": count / rows,
                "part": (now - was) * math.log(now / was),
            }
        )
    index = sum(each["part"] for each in bins)
    reading = "stable" if index < WATCH else "watch" if index < SHIFTED else "shifted"
    return {"psi": index, "reading": reading, "bins": bins}


def draw(title: str, points: Mapping[int, int], moved: Mapping[str, Any]) -> str:
    """Return an SVG: shares of the batch in bars, beside the training rows' where known."""
    bins: Sequence[Mapping[str, Any]] = moved["bins"] or _spread(points)
    top = max((each.get(kind, 0) for each in bins for kind in _KINDS), default=0) or 1
    step = (WIDTH - LEFT - 10) / max(len(bins), 1)
    base, scale = HEIGHT - BOTTOM, (HEIGHT - BOTTOM - 50) / top
    marks = []
    for place, each in enumerate(bins):
        for side, (kind, colour) in enumerate(_KINDS.items()):
            if kind in each:
                height = each[kind] * scale
                x = LEFT + place * step + step * (0.1 + 0.4 * side)
                marks.append(
                    f'<rect x="{x:.1f}" y="{base - height:.1f}" width="{step * 0.38:.1f}" '
                    f'height="{height:.1f}" fill="{colour}"/>'
                )
        middle = LEFT + (place + 0.5) * step
        marks.append(f'<text x="{middle:.1f}" y="{base + 16}">{escape(_name(each))}</text>')
    psi = moved["psi"]
    said = f"PSI {psi:.4f}, {moved['reading']}" if psi is not None else str(moved["why"])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="sans-serif" font-size="11" text-anchor="middle">'
        f"<title>{escape(title)}</title>"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<text x="{LEFT}" y="20" text-anchor="start" font-size="14">{escape(title)}</text>'
        f'<text x="{LEFT}" y="38" text-anchor="start">Share of rows by points; training grey, '
        f"batch blue. {escape(said)}</text>"
        f"{''.join(marks)}"
        f'<text x="{LEFT - 8}" y="{base - top * scale + 4:.1f}" text-anchor="end">{top:.0%}</text>'
        f'<line x1="{LEFT}" x2="{WIDTH - 10}" y1="{base}" y2="{base}" stroke="#333"/>'
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 15}">points</text></svg>\n'
    )


_KINDS = {"train_share": "#9aa0a6", "batch_share": "#1a66b8"}


def _spread(points: Mapping[int, int]) -> list[dict[str, Any]]:
    """Return bins of 40 points, for a picture without a reference."""
    rows = sum(points.values())
    counts: dict[int, int] = {}
    for value, number in points.items():
        counts[value // 40] = counts.get(value // 40, 0) + number
    return [
        {"low": place * 40 - 1, "high": place * 40 + 39, "batch_share": counts[place] / rows}
        for place in sorted(counts)
    ]


def _name(each: Mapping[str, Any]) -> str:
    low, high = each["low"], each["high"]
    if low is None or high is None:
        return "all" if low == high else f"to {high:.0f}" if low is None else f"above {low:.0f}"
    return f"{low + 1:.0f} to {high:.0f}"


def _unknown(why: str) -> dict[str, Any]:
    return {"psi": None, "reading": None, "why": why, "bins": []}
