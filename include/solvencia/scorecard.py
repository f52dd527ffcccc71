"""Points on a lender's scale, from the probability of default and back.

points = offset + factor x ln((1 - pd) / pd), where factor = pdo / ln 2 and
offset = scaling.points - factor x ln(scaling.odds). So `scaling.points` means `scaling.odds` good
loans to each bad one, and `pdo` more points double those odds.
"""

from __future__ import annotations

import math

from solvencia.portfolio import Scaling


def to_points(scaling: Scaling, pd: float) -> int:
    """Return the score of a probability of default strictly between 0 and 1.

    Rounded to the nearest whole point, halves upwards; more points mean less risk.
    """
    if not 0 < pd < 1:
        raise ValueError("a probability of default lies strictly between 0 and 1")
    factor = scaling.pdo / math.log(2)
    offset = scaling.points - factor * math.log(scaling.odds)
    return math.floor(offset + factor * math.log((1 - pd) / pd) + 0.5)


def to_pd(scaling: Scaling, points: float) -> float:
    """Return the probability of default that a score stands for: to_points' inverse.

    Rounding to whole points moves it by at most half a point's odds.
    """
    odds = scaling.odds * 2 ** ((points - scaling.points) / scaling.pdo)
    return 1 / (1 + odds)
