"""The draft's report: one HTML page that says what was found, what was decided, and why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.ticker import PercentFormatter

from drafting.categories import remarks
from drafting.draft import Draft
from drafting.plan import Decided, Plan
from drafting.relation import Bin
from solvencia import page, plots

PLOTTED = ("feature", "protected", "ignored")
TOGETHER = 0.95  # of the rows in which either is missing
CROWDED = 7
_ROLES = {"": "left out"}
_LEFT = "<style>th, td { text-align: left; }</style>"  # most cells of this page are texts


def write(draft: Draft, folder: Path) -> Path:
    """Draw the plots and write `report.html` into a folder; return its path."""
    pictures = folder / "plots"
    pictures.mkdir(parents=True, exist_ok=True)
    for each in pictures.glob("*.png"):
        each.unlink()
    plan = draft.plan
    shown = [each for each in plan.with_role(*PLOTTED) if each.relation]
    caption = f"{plan.source.rows:,} rows · bad rate {plan.target.bad_rate:.1%} (dashed)"
    plots.paint(pictures, caption, {f"{each.name}.png": _painter(each, plan) for each in shown})
    path = folder / "report.html"
    path.write_text(_page(draft, shown, pictures), encoding="utf-8")
    return path


def missing_together(plan: Plan) -> list[tuple[str, ...]]:
    """Return the groups of fields that are missing in nearly the same rows."""
    columns = [
        each.column
        for each in plan.with_role(*PLOTTED)
        if each.relation and 0 < each.column.is_missing.mean() < 1
    ]
    groups: list[tuple[str, ...]] = []
    seen: set[str] = set()
    for place, first in enumerate(columns):
        if first.name in seen:
            continue
        group = [first.name]
        for other in columns[place + 1 :]:
            either = (first.is_missing | other.is_missing).sum()
            if (first.is_missing & other.is_missing).sum() >= TOGETHER * either:
                group.append(other.name)
        if len(group) > 1:
            groups.append(tuple(group))
            seen.update(group)
    return groups


def _page(draft: Draft, shown: list[Decided], pictures: Path) -> str:
    plan, measured = draft.plan, draft.baseline
    title = f"Draft of portfolio {draft.folder.name}"
    parts = [
        page.heading(title, 1),
        page.paragraph(
            f"From {plan.source.name}. What a program guessed from the data: read it in this "
            "order, correct portfolio.toml, then run make contracts (docs/your-portfolio.md)."
        ),
        page.figures(
            [
                ("Rows", f"{plan.source.rows:,}", f"of {plan.source.total:,} in the source"),
                (
                    "Bad",
                    page.share(plan.target.bad_rate),
                    f"{plan.target.bads:,} of {plan.target.known:,}",
                ),
                (
                    "Features",
                    str(len(plan.with_role("feature"))),
                    f"of {len(plan.columns)} columns",
                ),
                ("Quick AUC", page.number(measured.auc), f"on {measured.test_rows:,} newest rows"),
                ("Window", f"{plan.calendar.window_months} mo.", "until the outcome counts"),
            ]
        ),
        page.heading("What to review first"),
        *_reviews(draft),
        page.heading("Every column, and what became of it"),
        page.table(
            "Alone: how well the field by itself ranks the outcome (AUC, 0.5 is chance)",
            ("Column", "Field", "Role", "Type", "Missing", "Alone", "Remarks"),
            [_row(each) for each in plan.columns],
            [
                n
                for n, each in enumerate(plan.columns)
                if any("LEAK" in note for note in each.notes)
            ],
        ),
        page.heading("What is missing"),
        *_missing(plan),
        page.heading("Each field against the outcome"),
        page.paragraph(
            "Bars: how many rows have the value. Line: the share of bad among them. A line that "
            "rises or falls all the way earns a direction; one that jumps to 100 % gives the "
            "outcome away."
        ),
    ]
    for each in shown:
        png = (pictures / f"{each.name}.png").read_bytes()
        parts += [
            page.heading(f"{each.name} ({_ROLES.get(each.role, each.role)})", 3),
            *(page.paragraph(note, "small") for note in each.notes),
            page.picture(each.name, png, f"Rows and bad rate by {each.name}"),
            _bins(each),
        ]
    return page.whole(title, _LEFT, *parts)


def _reviews(draft: Draft) -> list[str]:
    plan = draft.plan
    good, bad = plan.target.good, plan.target.bad
    parts = [
        page.heading("1. The label and the time", 3),
        page.paragraph(
            f"Bad is {bad!r}, good is {good!r} in column {plan.target.column.source!r}: "
            f"{plan.target.note}."
        ),
        *(
            page.paragraph(f"{note[0].upper()}{note[1:]}.", "refused" if "MADE" in note else "")
            for note in plan.notes
        ),
    ]
    chapters = (
        ("Likely leaks: ignored", _noted(plan, "LEAK")),
        ("Strong alone: ask when they were filled in", _noted(plan, "STRONG ALONE")),
        ("Likely protected fields: audited, never modelled", plan.with_role("protected")),
        ("Likely codes of missing values", [each for each in plan.columns if each.codes]),
        ("May stand for a protected field", _noted(plan, "may stand for")),
        ("Categories to look at", [each for each in plan.columns if remarks(each.categories)]),
        ("Left out: not copied into the tables", plan.with_role("")),
    )
    for number, (heading, chosen) in enumerate(chapters, 2):
        parts.append(page.heading(f"{number}. {heading}", 3))
        rows = [(each.column.source, each.name, "; ".join(each.notes)) for each in chosen]
        parts.append(
            page.table("", ("Column", "Field", "Why"), rows)
            if rows
            else page.paragraph("None found.")
        )
    measured = draft.baseline
    parts += [
        page.heading(f"{len(chapters) + 2}. Gate and scale", 3),
        page.paragraph(
            f"The gate asks for AUC {measured.auc_min:g}: the quick model's {measured.auc:.3f} "
            f"less {measured.margin:.3f} for chance. {measured.scaling.points:g} points mean "
            f"{measured.scaling.odds:g} good to one bad, about the average of this file."
        ),
    ]
    return parts


def _noted(plan: Plan, text: str) -> list[Decided]:
    return [each for each in plan.columns if any(text in note for note in each.notes)]


def _row(each: Decided) -> tuple[str, ...]:
    relation = each.relation
    return (
        each.column.source or "(made)",
        each.name if each.role else "–",  # noqa: RUF001
        _ROLES.get(each.role, each.role),
        each.column.kind,
        page.share(float(each.column.is_missing.mean())),
        page.number(relation.auc if relation else None),
        "; ".join(each.notes),
    )


def _missing(plan: Plan) -> list[str]:
    rows = [
        (
            each.name,
            page.share(each.relation.missing_share),
            each.relation.missing_note or "no difference",
        )
        for each in plan.with_role(*PLOTTED)
        if each.relation and each.relation.missing_share > 0
    ]
    if not rows:
        return [page.paragraph("Nothing is missing.")]
    parts = [
        page.table("Does it matter that it is missing?", ("Field", "Missing", "Outcome"), rows)
    ]
    for group in missing_together(plan):
        parts.append(page.paragraph(f"Missing together: {', '.join(group)}."))
    return parts


def _bins(each: Decided) -> str:
    bins = each.relation.bins if each.relation else ()
    rows = [(b.label, b.kind, f"{b.rows:,}", f"{b.bads:,}", page.share(b.rate)) for b in bins]
    return page.table("", ("Value", "Kind", "Rows", "Bad", "Bad rate"), rows)


def _painter(decided: Decided, plan: Plan) -> Callable[[Any], str]:
    bins: tuple[Bin, ...] = decided.relation.bins if decided.relation else ()

    def paint(axes: Any) -> str:
        places = np.arange(len(bins))
        pale = [plots.PALE if each.kind == "value" else "#d9dfe5" for each in bins]
        axes.bar(places, [each.rows for each in bins], color=pale, width=0.75)
        axes.set_ylabel("Rows")
        axes.grid(visible=False)
        tilt = 45 if len(bins) > CROWDED or any(len(each.label) > 9 for each in bins) else 0
        axes.set_xticks(
            places,
            [each.label[:22] for each in bins],
            rotation=tilt,
            ha="right" if tilt else "center",
            fontsize=9,
        )
        rates = axes.twinx()
        usual = [place for place, each in enumerate(bins) if each.kind == "value"]
        rates.plot(usual, [bins[each].rate for each in usual], color=plots.BAD, marker="o", lw=2)
        other = [place for place, each in enumerate(bins) if each.kind != "value"]
        rates.plot(other, [bins[each].rate for each in other], "D", color=plots.BAD, mfc="white")
        rates.axhline(plan.target.bad_rate, color=plots.BAD, lw=1, ls="--", alpha=0.6)
        rates.set_ylim(0, min(1.02, 1.15 * max([each.rate for each in bins] + [0.01])))
        rates.yaxis.set_major_formatter(PercentFormatter(1.0))
        rates.set_ylabel("Share of bad", color=plots.BAD)
        rates.grid(visible=False)
        return decided.name.replace("_", " ")[:48]

    return paint
