"""Small plots of one metric by version, as inline SVG that needs no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 300, 90
_LEFT, _RIGHT, _TOP, _BOTTOM = 10, 10, 12, 18


@dataclass(frozen=True)
class Point:
    """One version: where it stands, what a reader is told of it, and how it is marked."""

    x: float
    y: float
    text: str
    kind: str  # "live", "refused" or ""


@dataclass(frozen=True)
class Chart:
    """A line over versions, the oldest on the left; `low` and `high` are the axis's ends."""

    title: str
    points: tuple[Point, ...]
    low: float
    high: float

    @property
    def line(self) -> str:
        """The points of the line, as SVG spells them."""
        return " ".join(f"{each.x:.1f},{each.y:.1f}" for each in self.points)


def draw(title: str, values: Sequence[tuple[str, float, str]]) -> Chart | None:
    """Return the chart of (version, value, kind), the oldest first; None without a value.

    The axis spans the values with a margin, never less than a hundredth.
    """
    if not values:
        return None
    numbers = [value for _, value, _ in values]
    middle = (min(numbers) + max(numbers)) / 2
    reach = max((max(numbers) - min(numbers)) * 0.6, 0.005)
    low, high = middle - reach, middle + reach
    wide, tall = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
    step = wide / (len(values) - 1) if len(values) > 1 else 0.0
    start = _LEFT if len(values) > 1 else WIDTH / 2
    points = tuple(
        Point(
            x=start + place * step,
            y=_TOP + (high - value) / (high - low) * tall,
            text=f"{name}: {value:.4f}",
            kind=kind,
        )
        for place, (name, value, kind) in enumerate(values)
    )
    return Chart(title, points, low, high)
