"""A row of the table: one figure, and what it is held against."""

from __future__ import annotations

from typing import Any


def row(
    name: str,
    value: float,
    unit: str,
    peer: str = "",
    peer_value: float | None = None,
    reach: float | None = None,
) -> dict[str, Any]:
    """Return one row; without a peer there is no ratio, and nothing to meet."""
    ratio = value / peer_value if peer_value else None
    met = ratio <= reach if ratio is not None and reach is not None else None
    return {
        "name": name,
        "value": round(value, 3),
        "unit": unit,
        "peer": peer,
        "peer_value": peer_value if peer_value is None else round(peer_value, 3),
        "ratio": ratio if ratio is None else round(ratio, 3),
        "reach": reach,
        "met": met,
    }


def figure(
    name: str,
    value: float,
    unit: str,
    peer: str = "",
    peer_value: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    digits: int = 5,
) -> dict[str, Any]:
    """Return a row whose own value is to reach a bound, rather than its ratio to the peer's.

    Values are rounded to so many digits behind the point, after they are judged.
    """
    reach = at_least if at_least is not None else at_most
    is_met = None if reach is None else value >= reach if at_least is not None else value <= reach
    return row(name, value, unit, peer, peer_value) | {
        "value": round(value, digits),
        "peer_value": peer_value if peer_value is None else round(peer_value, digits),
        "reach": reach,
        "met": is_met,
    }
