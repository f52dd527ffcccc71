"""Pictures of a model beside its rivals: ROC curves with the champion, calibration of all kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from solvencia.comparison import Comparison
from solvencia.evaluate import Metrics, bin_by_mass, calibration_error, measure_auc, trace_roc
from solvencia.plots import BAD, GOOD, INK, frame_calibration, frame_roc, paint

type Numbers = npt.NDArray[np.float64]

_COLOURS = (GOOD, BAD, "#8a6fae", "#5d8c3f")
_MARKS = ("o", "s", "^", "D")


def draw(
    folder: Path,
    *,
    title: str,
    outcome: npt.NDArray[Any],
    pd: Numbers,
    compared: Comparison,
    metrics: Metrics,
) -> list[str]:
    """Write the pictures that there is something to compare for, and return their names."""
    pictures: dict[str, Callable[[Any], str]] = {}
    if compared.champion_pd is not None:
        found, old = compared.champion or {}, compared.champion_pd
        pictures["champion.png"] = partial(_draw_champion, outcome, pd, found, old)
    if len(compared.scored) > 1:
        pictures["challengers.png"] = partial(_draw_challengers, outcome, compared)
    caption = f"{title} · {metrics.rows:,} applications, {metrics.bads:,} bad"
    return paint(folder, caption, pictures)


def _draw_champion(
    outcome: npt.NDArray[Any], pd: Numbers, found: Mapping[str, Any], old: Numbers, axes: Any
) -> str:
    frame_roc(axes)
    for score, name, colour, width in (
        (old, f"Champion {found['digest'][:12]}", INK, 1.4),
        (pd, "This model", GOOD, 2.2),
    ):
        false_rate, true_rate, _ = trace_roc(outcome, score)
        label = f"{name}, AUC {measure_auc(outcome, score):.4f}"
        axes.plot(false_rate, true_rate, color=colour, linewidth=width, label=label)
    text = (
        f"Difference {found['difference']:+.4f}\n"
        f"95 % interval {found['low']:+.4f} to {found['high']:+.4f}"
    )
    axes.text(0.97, 0.24, text, ha="right", fontsize=11)
    axes.legend(loc="lower right")
    return "Against the champion"


def _draw_challengers(outcome: npt.NDArray[Any], compared: Comparison, axes: Any) -> str:
    known = [each["kind"] for each in compared.challengers if each["kind"] in compared.scored]
    kinds = known or list(compared.scored)
    points = []
    for place, kind in enumerate(kinds):
        bins = [each for each in bin_by_mass(outcome, compared.scored[kind]) if each[1] > 0]
        mean, rate = [each[0] for each in bins], [each[1] for each in bins]
        points += [*mean, *rate]
        ece = calibration_error(outcome, compared.scored[kind])
        axes.plot(
            mean,
            rate,
            marker=_MARKS[place % len(_MARKS)],
            color=_COLOURS[place % len(_COLOURS)],
            linewidth=1.2,
            markersize=6,
            label=f"{kind}, ECE {ece:.4f}",
        )
    low, high = min(points) * 0.6, min(max(points) * 1.5, 1.0)
    frame_calibration(axes, low, high, "Observed share of bad")
    axes.legend(loc="upper left")
    return "Whether each challenger's probabilities hold"
