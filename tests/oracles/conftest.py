"""Applications that our figures and those of other libraries are measured on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest


@dataclass(frozen=True)
class Sample:
    """Outcomes and PDs with ties, a number with missing values, a text by code, and two sexes."""

    outcome: np.ndarray
    pd: np.ndarray
    income: np.ndarray
    housing: np.ndarray
    sex: np.ndarray


@pytest.fixture(scope="session")
def sample():
    """6,000 applications whose risk falls with income and differs by housing."""
    rng = np.random.default_rng(17)
    income = rng.lognormal(8, 0.6, 6000).round(-1)
    housing = rng.integers(0, 4, 6000).astype(float)
    sex = rng.integers(0, 2, 6000).astype(float)
    log_odds = 4 - 0.8 * np.log(income) + 0.4 * housing * (housing != 2) + 0.2 * sex
    outcome = (rng.random(6000) < 1 / (1 + np.exp(-log_odds))).astype(float)
    pd = np.round(1 / (1 + np.exp(-log_odds - rng.normal(0, 0.3, 6000))), 2).clip(0.01, 0.99)
    income[rng.random(6000) < 0.1] = np.nan
    return Sample(outcome, pd, income, housing, sex)
