"""Pictures of one evaluation, as PNG: the same numbers draw the same bytes."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from solvencia.evaluate import Metrics, bin_by_mass, trace_roc
from solvencia.portfolio import Scaling
from solvencia.scorecard import to_points

type Numbers = npt.NDArray[np.float64]

INK = "#1f2a37"
PALE = "#9aa5b1"
GOOD = "#2a7f9e"
BAD = "#c8553d"
_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": INK,
    "axes.edgecolor": PALE,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e8ec",
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}


def draw(
    folder: Path,
    *,
    title: str,
    metrics: Metrics,
    outcome: npt.NDArray[Any],
    pd: Numbers,
    scaling: Scaling,
    names: Sequence[str],
    contributions: Numbers,
) -> list[str]:
    """Write the evaluation's plots into a folder and return their file names.

    `contributions` is (rows, features) in log-odds, its columns called `names`.
    """
    pictures: dict[str, Callable[[Any], str]] = {
        "roc.png": lambda axes: _draw_roc(axes, metrics, outcome, pd),
        "calibration.png": lambda axes: _draw_calibration(axes, metrics, outcome, pd),
        "scores.png": lambda axes: _draw_scores(axes, outcome, pd, scaling),
        "contributions.png": lambda axes: _draw_contributions(axes, names, contributions),
    }
    caption = f"{title} · {metrics.rows:,} applications, {metrics.bads:,} bad"
    return paint(folder, caption, pictures)


def paint(folder: Path, caption: str, pictures: Mapping[str, Callable[[Any], str]]) -> list[str]:
    """Draw each picture into a file of its name; a picture fills axes and returns its headline."""
    for name, picture in pictures.items():
        with mpl.rc_context(_STYLE):
            figure = Figure(figsize=(7.5, 5.2), dpi=120, layout="constrained")
            FigureCanvasAgg(figure)
            axes = figure.subplots()
            headline = picture(axes)
            figure.get_layout_engine().set(rect=(0, 0, 1, 0.88))
            figure.text(0.02, 0.945, headline, fontsize=14, fontweight="bold")
            figure.text(0.02, 0.9, caption, color="#5b6773", fontsize=10)
            figure.savefig(folder / name, metadata={"Software": None})
    return list(pictures)


def frame_roc(axes: Any) -> None:
    """Label the axes of ROC curves and draw the line of a score that ranks nothing."""
    axes.plot([0, 1], [0, 1], color=PALE, linewidth=1, linestyle="--")
    axes.set(
        xlabel="Share of the good that rank above the cut-off",
        ylabel="Share of the bad that rank above it",
        xlim=(0, 1),
        ylim=(0, 1.01),
    )


def frame_calibration(axes: Any, low: float, high: float, ylabel: str) -> None:
    """Label the logarithmic axes of calibration, from `low` to `high`, with the ideal line."""
    axes.plot([low, high], [low, high], color=PALE, linewidth=1, linestyle="--")
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(low, high),
        ylim=(low, high),
        xlabel="Predicted probability of default, mean of each tenth",
        ylabel=ylabel,
    )
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))


def _draw_roc(axes: Any, metrics: Metrics, outcome: npt.NDArray[Any], pd: Numbers) -> str:
    false_rate, true_rate, _ = trace_roc(outcome, pd)
    widest = int(np.argmax(np.abs(true_rate - false_rate)))
    frame_roc(axes)
    axes.fill_between(false_rate, true_rate, false_rate, color=GOOD, alpha=0.10, linewidth=0)
    axes.plot(false_rate, true_rate, color=GOOD, linewidth=2.2)
    place = false_rate[widest]
    axes.plot([place, place], [place, true_rate[widest]], color=BAD, linewidth=1.8)
    middle = (place + true_rate[widest]) / 2
    axes.annotate(f"KS {metrics.ks:.3f}", (place + 0.015, middle), color=BAD, va="center")
    interval = f"95 % interval {metrics.auc_low:.3f} to {metrics.auc_high:.3f}"
    axes.text(0.97, 0.06, f"AUC {metrics.auc:.3f}\n{interval}", ha="right", fontsize=12)
    return "How well the model ranks"


def _draw_calibration(axes: Any, metrics: Metrics, outcome: npt.NDArray[Any], pd: Numbers) -> str:
    bins = bin_by_mass(outcome, pd)
    mean = np.array([each[0] for each in bins])
    rate = np.array([each[1] for each in bins])
    rows = np.array([each[2] for each in bins])
    margin = 1.96 * np.sqrt(rate * (1 - rate) / rows)
    low = max(min(mean.min(), rate[rate > 0].min()) * 0.6, 1e-4)
    high = min(max(mean.max(), (rate + margin).max()) * 1.5, 1.0)
    frame_calibration(axes, low, high, "Observed share of bad, with 95 % interval")
    bars = [np.minimum(margin, np.maximum(rate - low, 0)), margin]
    axes.errorbar(
        mean,
        rate,
        yerr=bars,
        fmt="o",
        markersize=6,
        color=GOOD,
        ecolor=GOOD,
        elinewidth=1.2,
        capsize=3,
    )
    axes.text(
        0.97,
        0.06,
        f"ECE {metrics.ece:.4f}\nBrier {metrics.brier:.4f}",
        transform=axes.transAxes,
        ha="right",
        fontsize=12,
    )
    return "Whether the probabilities hold"


def _draw_scores(axes: Any, outcome: npt.NDArray[Any], pd: Numbers, scaling: Scaling) -> str:
    points = np.array([to_points(scaling, each) for each in pd.tolist()])
    is_bad = outcome.astype(bool)
    edges = np.linspace(points.min() - 0.5, points.max() + 0.5, 41)
    for chosen, colour, label in ((~is_bad, GOOD, "Good"), (is_bad, BAD, "Bad")):
        share = np.full(int(chosen.sum()), 1 / chosen.sum())
        axes.hist(points[chosen], edges, weights=share, color=colour, alpha=0.55, label=label)
        middle = float(np.median(points[chosen]))
        axes.axvline(middle, color=colour, linewidth=1.6)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set(xlabel="Score in points (the line is the median)", ylabel="Share of each outcome")
    axes.legend(loc="upper left")
    return "How the scores part good from bad"


def _draw_contributions(axes: Any, names: Sequence[str], contributions: Numbers) -> str:
    sizes = np.abs(contributions).mean(axis=0)
    order = np.argsort(sizes, kind="stable")[-10:]
    bars = axes.barh(range(len(order)), sizes[order], color=GOOD, height=0.65)
    axes.set_yticks(range(len(order)), [_fold(names[place]) for place in order], fontsize=9.5)
    axes.bar_label(bars, fmt="%.2f", padding=4)
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.12)
    axes.set(xlabel=f"Mean size in log-odds of default ({len(contributions):,} applications)")
    return "What the score rests on"


def _fold(text: str) -> str:
    """Return a label of at most two lines."""
    lines = textwrap.wrap(text, 38, max_lines=2, placeholder=" …")
    return "\n".join(lines)
