"""The notebooks' plots of the lake, and the style of all: figures in, a matplotlib figure out."""

from __future__ import annotations

import math
import textwrap
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.ticker import FuncFormatter, PercentFormatter

from solvencia.breakdown import wilson
from solvencia.plots import BAD, GOOD, INK, PALE

type Numbers = npt.NDArray[np.float64]

COLUMNS = 3
BEHIND = {"facecolor": "white", "linewidth": 0, "pad": 1}  # of a label that a line may cross
STYLE: dict[str, Any] = {
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": PALE,
    "axes.labelcolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e8ec",
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}
mpl.rcParams.update(STYLE)
PERCENT = PercentFormatter(1.0)
# One number as an axis needs it: 0.42, 7, 5.4k.
SHORT = FuncFormatter(lambda value, _: short(value))


def short(value: float) -> str:
    """Return a number in few characters: 0.00, 0.42, 7, 5.4k, 1.2M."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}" if value == 0 or abs(value) >= 1e-3 else "0.00"


def cut(text: str) -> str:
    """Return a name of at most fourteen characters."""
    return text if len(text) <= 14 else f"{text[:13]}…"


def vintages(table: Any, first_test: str) -> Any:
    """Draw applications and bad rate by month; months from `first_test` on are shaded."""
    figure, (upper, lower) = plt.subplots(2, 1, figsize=(9, 5), sharex=True, height_ratios=(1, 1.5))
    months = np.arange(len(table))
    judged, bads = table["judged"].to_numpy(float), table["bads"].to_numpy(float)
    rate = bads / judged
    bounds = np.array([wilson(*each) for each in zip(rate.tolist(), judged.tolist(), strict=True)])
    upper.bar(months, table["applications"], color=PALE, width=0.75)
    upper.yaxis.set_major_formatter(SHORT)
    upper.set(title="Applications whose window has closed")
    lower.fill_between(months, bounds[:, 0], bounds[:, 1], color=BAD, alpha=0.15, linewidth=0)
    lower.plot(months, rate, color=BAD, marker="o", markersize=4)
    lower.axhline(bads.sum() / judged.sum(), color=PALE, linestyle="--", linewidth=1)
    lower.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1))
    lower.set(title="Share that went bad, with its 95 % interval", ylim=(0, None))
    test = np.flatnonzero(table["vintage"].to_numpy(str) >= first_test)
    if len(test):
        for axes in (upper, lower):
            axes.axvspan(test[0] - 0.5, months[-1] + 0.5, color=GOOD, alpha=0.08, linewidth=0)
        lower.text(test[0] - 0.3, 0.002, "out-of-time test", color=GOOD, va="bottom")
    step = max(1, len(table) // 12)
    lower.set_xticks(months[::step], table["vintage"].to_numpy(str)[::step], rotation=45)
    lower.set_xlim(-0.6, len(table) - 0.4)
    return figure


def missing(table: Any, overall: float) -> Any:
    """Draw the bad rate of those in whom something is absent, beside everybody's."""
    shown = table[table["applications"] > 0].reset_index(drop=True)
    figure, axes = plt.subplots(figsize=(9, 1.2 + 0.42 * len(shown)))
    if not len(shown):
        axes.set_axis_off()
        axes.text(0.5, 0.5, "No value is absent from any field", ha="center", va="center")
        return figure
    for place, each in shown.iterrows():
        low, high = wilson(float(each["bad_rate"]), int(each["applications"]))
        axes.plot([low, high], [place, place], color=BAD, linewidth=2, alpha=0.5)
        axes.plot(each["bad_rate"], place, "o", color=BAD)
        count = f"{int(each['applications']):,}"
        axes.annotate(
            count, (high, place), (6, 0), textcoords="offset points", va="center", bbox=BEHIND
        )
    axes.axvline(overall, color=INK, linestyle="--", linewidth=1)
    axes.set_yticks(
        range(len(shown)), [f"{each.field}: {each.what}" for each in shown.itertuples()]
    )
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(PERCENT)
    axes.margins(x=0.12)
    axes.set(
        title="How those ended in whom a value is absent",
        xlabel=f"Share that went bad, with its 95 % interval and their number (all: {overall:.1%})",
        xlim=(0, None),
    )
    return figure


def against_outcome(table: Any, overall: float) -> Any:
    """Draw the bad rate of each field's bins, a panel for each field."""
    fields = list(dict.fromkeys(table["field"]))
    figure, grid = panels(len(fields), sharey=True)
    for axes, field in zip(grid, fields, strict=True):
        bins = table[table["field"] == field].sort_values(["low", "category"])
        rate = (bins["bads"] / bins["applications"]).to_numpy(float)
        places = np.arange(len(bins))
        if bins["category"].notna().any():
            labels = [cut(str(each)) for each in bins["category"]]
            axes.set_xticks(places, labels, rotation=30, ha="right", fontsize=8)
            axes.plot(places, rate, "o", color=GOOD)
        else:
            lows = bins["low"].to_numpy(float)
            shown = np.unique(np.linspace(0, len(bins) - 1, min(len(bins), 5)).round().astype(int))
            axes.set_xticks(shown, [short(each) for each in lows[shown].tolist()])
            axes.plot(places, rate, "o-", color=GOOD, markersize=4)
        axes.axhline(overall, color=PALE, linestyle="--", linewidth=1)
        axes.set_title("\n".join(textwrap.wrap(field, 34)))
        axes.yaxis.set_major_formatter(PERCENT)
    return figure


def panels(count: int, *, sharey: bool) -> tuple[Any, list[Any]]:
    """Return a figure and that many panels, three in a row; what is left over is hidden."""
    rows = math.ceil(count / COLUMNS)
    figure, grid = plt.subplots(
        rows, COLUMNS, figsize=(10.5, 2.3 * rows), sharey=sharey, squeeze=False
    )
    found = list(grid.flat)
    for axes in found[count:]:
        axes.set_visible(False)
    return figure, found[:count]
