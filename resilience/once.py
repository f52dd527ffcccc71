"""Whether each row of a batch's file is in its result once, and where it belongs."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from resilience import offers
from resilience.applicants import Application
from resilience.offers import Fault
from solvencia.portfolio import Portfolio


def check(
    product: Portfolio,
    rows: int,
    seed: int,
    summary: Mapping[str, Any],
    results: Sequence[Iterator[dict[str, Any]]],
    kept: Mapping[int, Application],
) -> tuple[dict[int, dict[str, Any]], list[str]]:
    """Hold the results (scored, then bad rows) against what was written, both streamed.

    Returns the scored rows of `kept` and the faults.
    """
    faults: list[str] = []
    found: dict[int, dict[str, Any]] = {}
    counts, sound = {"scored": 0, "bad": 0}, 0
    merged = heapq.merge(*results, key=lambda each: each["row"])
    entry = next(merged, None)
    for row, fault in offers.expect(product, rows, seed):
        sound += fault is None
        times = 0
        while entry is not None and entry["row"] <= row:
            if entry["row"] < row:
                faults.append(f"row {entry['row']}: once more, behind row {row - 1}")
            else:
                times += 1
                faults += _judge(entry, fault)
                if row in kept:
                    found[row] = entry
            counts["bad" if "problems" in entry else "scored"] += 1
            entry = next(merged, None)
        if times != 1:
            faults.append(f"row {row}: {times} times in the result")
    if entry is not None:
        faults.append(f"row {entry['row']}: there were {rows} rows")
    wanted = {"rows_in": rows, "scored": sound, "bad": rows - sound}
    for name, count in wanted.items():
        if summary[name] != count or counts.get(name, count) != count:
            faults.append(f"{name}: {summary[name]:,} in the summary, not {count:,}")
    for name in ("by_decision", "by_band"):
        if sum(summary[name].values()) != sound:
            faults.append(f"{name}: does not add up to {sound:,}")
    return found, faults


def _judge(entry: Mapping[str, Any], fault: Fault | None) -> list[str]:
    if fault is None:
        is_right = "problems" not in entry
        return [] if is_right else [f"row {entry['row']}: sound, and among the bad rows"]
    if set(entry.get("problems", {})) == {fault.field}:
        return []
    named = ", ".join(entry.get("problems", {})) or "nothing"
    return [f"row {entry['row']}: {fault.kind} in {fault.field}, and {named} is named"]
