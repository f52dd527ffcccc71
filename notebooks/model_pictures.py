"""The notebooks' plots of models: points, contributions, shapes, and one model beside another."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.ticker import MaxNLocator

from pictures import BEHIND, PERCENT, SHORT, cut, panels
from solvencia.plots import BAD, GOOD, INK, PALE

type Numbers = npt.NDArray[np.float64]

SHOWN = 8  # features of a waterfall; the others are one bar


def points(values: npt.NDArray[np.int64], is_bad: npt.NDArray[np.bool_], bands: Any) -> Any:
    """Draw the scores of good and bad applications over the portfolio's bands."""
    figure, axes = plt.subplots(figsize=(9, 3.6))
    edges = np.arange(values.min(), values.max() + 10, 10)
    for chosen, colour, label in ((~is_bad, GOOD, "good"), (is_bad, BAD, "bad")):
        axes.hist(values[chosen], edges, density=True, color=colour, alpha=0.5, label=label)
    top = axes.get_ylim()[1]
    upper = float(values.max())
    for place, each in enumerate(bands):
        lower = float(values.min()) if each.points_min is None else float(each.points_min)
        if place % 2:
            axes.axvspan(lower, upper, color=PALE, alpha=0.15, linewidth=0)
        middle = (max(lower, float(values.min())) + upper) / 2
        axes.text(middle, top, f"{each.name}\n{each.decision}", ha="center", va="bottom")
        upper = lower
    axes.set(xlabel="Score in points", yticks=[], ylim=(0, top))
    axes.legend(loc="upper left")
    return figure


def waterfall(names: Sequence[str], shares: Numbers, base: float) -> Any:
    """Draw how each feature moves the log-odds of default from the neutral applicant's."""
    order = np.argsort(-np.abs(shares), kind="stable").tolist()
    bars = [(names[each], float(shares[each])) for each in order[:SHOWN]]
    if rest := order[SHOWN:]:
        bars.append((f"{len(rest)} others", float(shares[rest].sum())))
    figure, axes = plt.subplots(figsize=(9, 1.3 + 0.34 * len(bars)))
    level = base
    for place, (_, share) in enumerate(bars):
        axes.barh(place, share, left=level, color=BAD if share > 0 else GOOD, height=0.62)
        end = max(level, level + share)
        label = f"{share:+.2f}"
        axes.annotate(
            label, (end, place), (5, 0), textcoords="offset points", va="center", bbox=BEHIND
        )
        level += share
    axes.axvline(level, color=PALE, linestyle="--", linewidth=1, zorder=0)
    axes.set_yticks(range(len(bars)), [name for name, _ in bars])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set(
        title=f"From the neutral applicant's log-odds {base:.2f} to this applicant's {level:.2f}",
        xlabel="Log-odds of default; what points right speaks against the applicant",
    )
    axes.grid(axis="y", visible=False)
    return figure


def shapes(
    curves: Mapping[str, tuple[Numbers, Numbers, Numbers]],
    categories: Mapping[str, Sequence[str]],
) -> Any:
    """Draw mean PD against a feature's value; each curve is values, PDs, and the deciles held.

    A feature that has `categories` holds their places; it is drawn as dots with their names.
    """
    figure, grid = panels(len(curves), sharey=True)
    for axes, (name, (values, mean_pd, deciles)) in zip(grid, curves.items(), strict=True):
        axes.set_title("\n".join(textwrap.wrap(name, 34)))
        axes.yaxis.set_major_formatter(PERCENT)
        if known := categories.get(name):
            axes.plot(values, mean_pd, "o", color=GOOD)
            names = [cut(known[int(each)]) for each in values.tolist()]
            axes.set_xticks(values, names, rotation=30, ha="right", fontsize=8)
            continue
        axes.plot(values, mean_pd, color=GOOD, linewidth=2)
        axes.plot(deciles, np.zeros_like(deciles), "|", color=INK, markersize=9)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(SHORT)
    grid[0].set_ylim(0, None)
    return figure


def intervals(table: Any) -> Any:
    """Draw each metric of each model as a dot in its interval; a panel for each metric."""
    metrics, models = list(dict.fromkeys(table["metric"])), list(dict.fromkeys(table["model"]))
    figure, panels = plt.subplots(1, len(metrics), figsize=(9.5, 1.1 + 0.4 * len(models)))
    for number, (axes, metric) in enumerate(zip(panels, metrics, strict=True)):
        for place, model in enumerate(models):
            each = table[(table["metric"] == metric) & (table["model"] == model)].iloc[0]
            colour = (GOOD, BAD)[place % 2]
            axes.plot([each["low"], each["high"]], [place, place], color=colour, linewidth=2)
            axes.plot(each["value"], place, "o", color=colour)
        axes.set_title(metric)
        axes.set_yticks(range(len(models)), models if not number else [""] * len(models))
        axes.set_ylim(len(models) - 0.5, -0.5)
        axes.xaxis.set_major_locator(MaxNLocator(3))
    return figure


def bands(table: Any) -> Any:
    """Draw each band's share of the applications and bad rate under both models."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.4))
    models, names = list(dict.fromkeys(table["model"])), list(dict.fromkeys(table["band"]))
    for number, model in enumerate(models):
        mine = table[table["model"] == model]
        places = np.arange(len(names)) + (number - 0.5) * 0.38
        colour = (GOOD, BAD)[number % 2]
        left.bar(places, mine["share"], width=0.36, color=colour, alpha=0.75, label=model)
        error = [mine["bad_rate"] - mine["low"], mine["high"] - mine["bad_rate"]]
        right.errorbar(places, mine["bad_rate"], yerr=error, fmt="o", color=colour, capsize=3)
    for axes, title in ((left, "Share of the applications"), (right, "Share that went bad")):
        axes.set_xticks(range(len(names)), names)
        axes.yaxis.set_major_formatter(PERCENT)
        axes.set(title=title, xlabel="Band")
    left.legend()
    return figure


def swaps(counts: Any, bad_rates: Any, rows: str, columns: str) -> Any:
    """Draw who lies in which band of one model and of the other, with their bad rates."""
    figure, axes = plt.subplots(figsize=(6.6, 4.6))
    share = counts.to_numpy(float) / counts.to_numpy().sum()
    axes.imshow(np.sqrt(share), cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(share.shape):
        if held := int(counts.iloc[row, column]):
            text = f"{held:,}\n{bad_rates.iloc[row, column]:.1%} bad"
            colour = "white" if share[row, column] > 0.35 else INK
            axes.text(column, row, text, ha="center", va="center", fontsize=8.5, color=colour)
    axes.set_xticks(range(len(counts.columns)), counts.columns)
    axes.set_yticks(range(len(counts.index)), counts.index)
    axes.set(xlabel=f"Band by {columns}", ylabel=f"Band by {rows}", title="Who changes band")
    axes.grid(visible=False)
    return figure


def what_if(values: Numbers, scores: Numbers, own: float, name: str, bands: Any) -> Any:
    """Draw the score of an applicant as one field changes; the `own` value is marked."""
    figure, axes = plt.subplots(figsize=(9, 3.6))
    axes.step(values, scores, where="post", color=GOOD, linewidth=2)
    axes.axvline(own, color=INK, linestyle="--", linewidth=1)
    low, high = axes.get_ylim()
    for each in bands:
        if each.points_min is not None and low < each.points_min < high:
            axes.axhline(each.points_min, color=PALE, linewidth=1)
            text = f"{each.name}: {each.decision}, from {each.points_min:g}"
            axes.text(values[-1], each.points_min, text, ha="right", va="bottom", fontsize=9)
    axes.xaxis.set_major_formatter(SHORT)
    axes.set(xlabel=f"{name} (the applicant's own is dashed)", ylabel="Score in points")
    return figure
