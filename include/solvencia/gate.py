"""The gate between a trained model and production: every reason to refuse it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from solvencia.portfolio import Portfolio


def refusals(metrics: Mapping[str, Any], portfolio: Portfolio) -> list[str]:
    """Return why these out-of-time metrics do not pass, or nothing when they do.

    Each text names the metric, its value and the bound. A metric that is absent or not a finite
    number is refused too.
    """
    gate = portfolio.gate
    rules = (
        ("auc", "auc_min", gate.auc_min, 1),
        ("ece", "ece_max", gate.ece_max, -1),
        ("rows", "rows_min", gate.rows_min, 1),
    )
    texts = []
    for metric, bound, limit, direction in rules:
        value = metrics.get(metric)
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            texts.append(
                f"{metric} is not a number: evaluate the model again ({bound} is {limit:g})"
            )
        elif (value - limit) * direction < 0:
            side = "below" if direction > 0 else "above"
            texts.append(f"{metric} {value:.6g} is {side} {bound} {limit:g}")
    built_from = (metrics.get("model") or {}).get("fingerprint")
    if built_from != portfolio.fingerprint:
        texts.append(
            "model.fingerprint is not this portfolio's: the portfolio changed since training, "
            "so train again"
        )
    return texts
