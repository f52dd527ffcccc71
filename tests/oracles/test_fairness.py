"""Fairness by group, held against fairlearn."""

from __future__ import annotations

import numpy as np
import pytest
from fairlearn.metrics import (
    MetricFrame,
    demographic_parity_ratio,
    equal_opportunity_difference,
    selection_rate,
    true_positive_rate,
)

from solvencia import fairness
from solvencia.portfolio import Field

SEX = Field("sex", role="protected", type="text", categories=("female", "male"))
INCOME = Field("income", role="protected", type="number", bands=(2000, 4000))


@pytest.mark.parametrize("field", [SEX, INCOME])
def test_groups_and_summaries(sample, field):
    """Approval and opportunity by group, the smallest ratio and the widest difference agree.

    fairlearn speaks of the outcome 1 as the good one: approved for the decision, repaid for the
    truth. Its ratio is smallest over largest selection rate, our adverse impact ratio against the
    group with the highest; its equal opportunity is the gap in true positive rates, our gap in
    the approved share of good applicants. Our summaries leave out groups below 100 applications:
    none is here.
    """
    values = getattr(sample, field.name)
    is_approved = sample.pd < 0.3
    is_good = sample.outcome == 0
    ours = fairness.audit(field, values, sample.outcome, sample.pd, is_approved)
    names = np.empty(len(values), dtype=object)
    for name, members in fairness.group(field, values):
        names[members] = name
    theirs = MetricFrame(
        metrics={"approved": selection_rate, "opportunity": true_positive_rate},
        y_true=is_good,
        y_pred=is_approved,
        sensitive_features=names,
    ).by_group

    given = {"y_true": is_good, "y_pred": is_approved, "sensitive_features": names}
    ratio, gap = demographic_parity_ratio(**given), equal_opportunity_difference(**given)
    assert len(ours.groups) == len(theirs) > 1
    for each in ours.groups:
        assert each.rows >= fairness.ROWS_MIN
        assert each.approval_rate == pytest.approx(theirs.approved[each.name], abs=1e-6)
        assert each.opportunity == pytest.approx(theirs.opportunity[each.name], abs=1e-6)
    assert ours.impact_ratio_min == pytest.approx(ratio, abs=1e-6)
    assert ours.opportunity_difference_max == pytest.approx(gap, abs=1e-6)
