"""KS, AUC and PSI, held against toad and optbinning."""

from __future__ import annotations

import numpy as np
import pytest
import toad
import toad.metrics
from optbinning.binning.metrics import jeffrey

from solvencia import drift, evaluate


def test_ks_and_auc(sample):
    """toad.KS is the two-sample Kolmogorov-Smirnov statistic, ties included, as ours is."""
    found = evaluate.measure(sample.outcome, sample.pd)

    assert found.ks == pytest.approx(toad.metrics.KS(sample.pd, sample.outcome), abs=1e-6)
    assert found.auc == pytest.approx(toad.metrics.AUC(sample.pd, sample.outcome), abs=1e-6)
    assert evaluate.measure_auc(sample.outcome, sample.pd) == pytest.approx(found.auc, abs=1e-12)


@pytest.mark.parametrize("column", ["pd", "income", "housing"])
def test_stability_index(sample, column):
    """toad's PSI and optbinning's Jeffreys divergence give our index on our bins.

    Which bins: ours are the deciles of training (each up to its upper edge), a bin for each value
    where there are at most ten, and one for missing; toad and optbinning bin otherwise, so they
    are handed ours. Empty bins, where the three differ by convention, do not occur here.
    """
    values = getattr(sample, column)
    train, test = values[:3500], values[3500:]
    shifted = np.concatenate([test, test[test > np.nanmedian(test)]])
    found = drift.compare(train, shifted)
    edges = [each.high for each in found.bins if each.high is not None]

    def place(values):
        return np.where(np.isnan(values), -1, np.searchsorted(edges, values))

    before = np.array([each.train_share for each in found.bins])
    after = np.array([each.test_share for each in found.bins])
    assert found.index > 0.01
    assert found.index == pytest.approx(toad.metrics.PSI(place(shifted), place(train)), abs=1e-6)
    assert found.index == pytest.approx(jeffrey(after, before, return_sum=True), abs=1e-6)
