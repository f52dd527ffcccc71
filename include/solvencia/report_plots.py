"""Pictures of the report's tables: stability by month, score bands, fairness by group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from textwrap import fill
from typing import Any

from matplotlib.ticker import PercentFormatter

from solvencia import report_declined
from solvencia.fairness import picture_name
from solvencia.page import share
from solvencia.plots import BAD, GOOD, PALE, paint

_LINE_CHARACTERS = 84  # of tick labels, side by side across a picture


def draw(folder: Path, *, title: str, report: Mapping[str, Any]) -> list[str]:
    """Write the pictures of `report.build`'s result into a folder and return their names."""
    pictures: dict[str, Callable[[Any], str]] = {
        "stability.png": partial(_draw_months, report["months"]),
        "score_bands.png": partial(_draw_bands, report["score_bands"]),
    }
    if (report["reject_inference"] or {}).get("declined_rows"):
        pictures[report_declined.PICTURE] = partial(_draw_declined, report)
    for audit in report["fairness"]["audits"]:
        pictures[picture_name(audit["field"])] = partial(_draw_groups, audit)
    metrics = report["metrics"]
    caption = f"{title} · {metrics['rows']:,} applications, {metrics['bads']:,} bad"
    return paint(folder, caption, pictures)


def _draw_months(months: list[dict[str, Any]], axes: Any) -> str:
    places = range(len(months))
    axes.bar(places, [each["bad_rate"] for each in months], color=PALE, alpha=0.55, width=0.6)
    axes.plot(places, [each["mean_pd"] for each in months], "o-", color=BAD, linewidth=1.6)
    axes.set_xticks(
        places, [each["month"] for each in months], rotation=0 if len(months) < 9 else 60
    )
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set(ylabel="Share of bad (bars), mean PD (line)")
    axes.set_ylim(0, 1.9 * max(max(each["bad_rate"], each["mean_pd"]) for each in months))
    measured = [(place, each) for place, each in enumerate(months) if each["auc"] is not None]
    right = axes.twinx()
    right.spines["right"].set_visible(True)
    right.grid(visible=False)
    values = [each["auc"] for _, each in measured]
    low = [each["auc"] - each["auc_low"] for _, each in measured]
    high = [each["auc_high"] - each["auc"] for _, each in measured]
    right.errorbar(
        [place for place, _ in measured],
        values,
        yerr=[low, high],
        fmt="s",
        markersize=5,
        color=GOOD,
        capsize=3,
        elinewidth=1.2,
    )
    right.set(ylim=(0.0, 1.0), ylabel="AUC with 95 % interval (squares)")
    right.yaxis.label.set_color(GOOD)
    return "Whether it holds month by month"


def _draw_bands(bands: list[dict[str, Any]], axes: Any) -> str:
    ordered = bands[::-1]
    places = range(len(ordered))
    axes.bar(places, [each["share"] for each in ordered], color=GOOD, alpha=0.35, width=0.85)
    labels = [f"{each['points_from']}–{each['points_to']}" for each in ordered]  # noqa: RUF001
    axes.set_xticks(places, labels, rotation=35, ha="right")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set(xlabel="Score in points", ylabel="Share of applications (bars)")
    right = axes.twinx()
    right.spines["right"].set_visible(True)
    right.grid(visible=False)
    filled = [(place, each) for place, each in enumerate(ordered) if each["rows"]]
    at = [place for place, _ in filled]
    right.plot(at, [each["bad_rate"] for _, each in filled], "o-", color=BAD, label="Share of bad")
    right.plot(at, [each["mean_pd"] for _, each in filled], "x--", color=PALE, label="Mean PD")
    right.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    right.set(ylabel="Share of bad, mean PD (lines)")
    right.set_ylim(bottom=0)
    right.legend(loc="upper center")
    return "How risk falls as points rise"


def _draw_declined(report: Mapping[str, Any], axes: Any) -> str:
    """Draw the mean PDs on both sides, without and with the declined in training."""
    found, metrics = report["reject_inference"], report["metrics"]
    rate = metrics["bads"] / metrics["rows"]
    top = rate
    for shift, when, colour, text in (
        (-0.2, "before", PALE, "Trained on the approved alone"),
        (0.2, "after", GOOD, "Trained on the declined, too"),
    ):
        heights = [found[f"approved_pd_{when}"], found[f"declined_pd_{when}"]]
        bars = axes.bar([shift, 1 + shift], heights, color=colour, width=0.36, label=text)
        axes.bar_label(bars, [share(each, 2) for each in heights], padding=3)
        top = max(top, *heights)
    axes.plot([-0.42, 0.42], [rate, rate], color=BAD, linestyle="--", label="Share of bad")
    out, into = share(found["swapped_out"]), share(found["swapped_in"])
    labels = [
        f"Approved, {found['approved_rows']:,} rows\n{out} swapped out",
        f"Declined, {found['declined_rows']:,} rows\n{into} swapped in",
    ]
    axes.set_xticks(range(2), labels)
    axes.set(ylim=(0, 1.35 * top), ylabel="Mean probability of default")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(axis="x", visible=False)
    axes.legend(loc="upper left")
    return f"What an odds factor of {found['odds_factor']:g} for the declined changes"


def _draw_groups(audit: Mapping[str, Any], axes: Any) -> str:
    groups = audit["groups"]
    places = range(len(groups))
    axes.bar(
        [place - 0.2 for place in places],
        [each["approval_rate"] for each in groups],
        color=[PALE if each["is_small"] else GOOD for each in groups],
        width=0.38,
        label="Approved",
    )
    axes.bar(
        [place + 0.2 for place in places],
        [each["opportunity"] or 0.0 for each in groups],
        color=[PALE if each["is_small"] else GOOD for each in groups],
        alpha=0.45,
        width=0.38,
        label="Approved of the good",
    )
    best = max(each["approval_rate"] for each in groups if each["name"] == audit["reference"])
    axes.axhline(0.8 * best, color=BAD, linewidth=1.4, linestyle="--", label="Four fifths")
    _name_groups(axes, [(each["name"].replace("_", " "), each["rows"]) for each in groups])
    axes.set(ylim=(0, 1.18), ylabel="Share at the report's cut-off")
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.legend(loc="upper center", ncols=3)
    return f"Whether groups by {audit['field'].replace('_', ' ')} fare alike"


def _name_groups(axes: Any, groups: Sequence[tuple[str, int]]) -> None:
    """Label groups side by side, their names broken into lines; upright where they do not fit."""
    width = _LINE_CHARACTERS // len(groups) - 2
    labels = [
        f"{fill(name, max(width, 1), break_long_words=False)}\n{rows:,} rows"
        for name, rows in groups
    ]
    is_fitting = all(len(line) <= width for each in labels for line in each.splitlines())
    if not is_fitting:
        labels = [f"{name}, {rows:,} rows" for name, rows in groups]
    axes.set_xticks(range(len(groups)), labels, rotation=0 if is_fitting else 90)
