from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from solvencia import breakdown, sensitivity
from solvencia.portfolio import Scaling


def test_months_are_measured_apart():
    """Each month has its rows, bad rate, mean PD and AUC; one outcome only has no AUC."""
    dates = np.array(["2024-05-02", "2024-04-30", "2024-05-31", "2024-04-01", "2024-06-01"])
    outcome = np.array([1.0, 0, 0, 1, 0])
    pd = np.array([0.3, 0.1, 0.5, 0.2, 0.4])

    april, may, june = breakdown.by_month(outcome, pd, dates.astype("datetime64[D]"))

    assert [each.month for each in (april, may, june)] == ["2024-04", "2024-05", "2024-06"]
    assert (april.rows, april.bads, april.bad_rate) == (2, 1, 0.5)
    assert april.mean_pd == pytest.approx(0.15)
    assert (april.auc, may.auc) == (1.0, roc_auc_score([1, 0], [0.3, 0.5]))
    assert (june.rows, june.auc, june.auc_low) == (1, None, None)


def test_tenths_bound_their_bad_rate():
    """A tenth of 100 with 10 bad has Wilson's interval, which textbooks give as 5.5 to 17.4 %."""
    pd = np.arange(1, 1001) / 2000
    outcome = np.tile([1.0] + [0.0] * 9, 100)

    tenths = breakdown.by_tenth(outcome, pd)

    assert [each.rows for each in tenths] == [100] * 10
    assert tenths[0].low == pytest.approx(0.0552, abs=1e-4)
    assert tenths[0].high == pytest.approx(0.1744, abs=1e-4)
    assert (tenths[3].pd_min, tenths[3].pd_max) == (301 / 2000, 400 / 2000)
    assert tenths[3].mean_pd == pytest.approx(350.5 / 2000)


def test_bands_start_at_the_scale():
    """Bands are as wide as the points that double the odds; an empty one stays, without rates."""
    points = np.array([600, 639, 640, 530, 525])
    outcome = np.array([0.0, 1, 0, 1, 1])
    pd = np.array([0.05, 0.04, 0.02, 0.2, 0.3])

    bands = breakdown.by_band(outcome, pd, points, Scaling(points=600, odds=20, pdo=40))

    assert [(each.points_from, each.points_to, each.rows) for each in bands] == [
        (640, 679, 1),
        (600, 639, 2),
        (560, 599, 0),
        (520, 559, 2),
    ]
    assert [each.bad_rate for each in bands] == [0, 0.5, None, 1]
    assert [each.share_approved for each in bands] == pytest.approx([0.2, 0.6, 0.6, 1])
    assert bands[1].bad_rate_approved == pytest.approx(1 / 3)
    assert bands[1].mean_pd == pytest.approx(0.045)
    assert sum(each.share for each in bands) == pytest.approx(1)


def test_each_feature_is_moved_alone():
    """A linear model's means move by coefficient times percentile; the largest effect leads."""
    first = np.append(np.arange(1.0, 11.0), np.nan)
    matrix = np.column_stack([first, np.arange(11.0), np.full(11, np.nan)])

    def predict(rows):
        return np.nan_to_num(rows[:, 0]) * 0.01 + rows[:, 1] * 0.05

    effects = sensitivity.move_each(predict, matrix, ["small", "large", "absent"])

    assert [each.feature for each in effects] == ["large", "small"]
    assert (effects[1].low, effects[1].high) == (1, 9)
    assert effects[1].mean_pd_low == pytest.approx(0.01 + 0.25)
    assert effects[1].mean_pd_high == pytest.approx(0.09 + 0.25)
    assert np.isnan(matrix[10, 0])
