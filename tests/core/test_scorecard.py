from __future__ import annotations

import pytest

from solvencia.portfolio import Scaling
from solvencia.scorecard import to_pd, to_points

SCALING = Scaling(points=600, odds=20, pdo=40)


@pytest.mark.parametrize(
    ("pd", "points"),
    [(1 / 21, 600), (1 / 41, 640), (1 / 11, 560), (0.5, 427), (0.999999, -370), (1e-9, 1623)],
)
def test_points_follow_the_scale(pd, points):
    """20 good to 1 bad is 600 points, and 40 points double the odds."""
    assert to_points(SCALING, pd) == points


def test_points_lead_back_to_the_probability():
    """A score's probability lies within half a point of the one it was made from."""
    for points in range(300, 800):
        assert to_points(SCALING, to_pd(SCALING, points)) == points

    assert to_pd(SCALING, 600) == pytest.approx(1 / 21)


@pytest.mark.parametrize("pd", [0, 1, -0.1, float("nan")])
def test_certainty_has_no_score(pd):
    """A probability of 0 or 1 has no odds."""
    with pytest.raises(ValueError, match="strictly between"):
        to_points(SCALING, pd)
