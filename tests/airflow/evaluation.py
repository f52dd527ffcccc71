"""The metrics of a model that the gate lets pass."""

from __future__ import annotations

from typing import Any

PERIOD = "2026-10"
DIGEST = "ab" * 32


def metrics(product: Any, **change: Any) -> dict[str, Any]:
    """Return what an evaluation writes, as far as gate and registry read it, with some changed."""
    ages = {"impact_ratio_min": 0.78, "opportunity_difference_max": 0.17}
    return {
        "auc": 0.86,
        "ks": 0.57,
        "brier": 0.049,
        "ece": 0.005,
        "rows": 20000,
        "psi": 0.002,
        "csi": {"debt_ratio": 0.002},
        "leakage": {"debt_ratio": 0.55},
        "fairness": {"attributes": {"age_years": ages}},
        "champion": None,
        "monotone": {"checked": [], "broken": {}},
        "model": {"digest": DIGEST, "period": PERIOD, "fingerprint": product.fingerprint},
    } | change
