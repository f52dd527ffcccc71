"""A storm as a table for the terminal, and as JSON for the plot."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from resilience.storm import Storm

FAULTS_MAX = 20


def render(storm: Storm) -> list[str]:
    """Return the phases with their tries by status and latencies, and what the log holds."""
    statuses = sorted({each.status for each in storm.tries})
    lines = [
        f"{'phase':<24}{'tries':>7}{'p50 s':>8}{'p99 s':>8}"
        + "".join(f"{status or 'cut':>7}" for status in statuses)
        + "  struck"
    ]
    for _, name, told in storm.begun:
        tries = [each for each in storm.tries if each.phase == name]
        seconds = sorted(each.seconds for each in tries) or [0.0]
        counts = [sum(each.status == status for each in tries) for status in statuses]
        lines.append(
            f"{name:<24}{len(tries):>7,}{_at(seconds, 0.5):>8.2f}{_at(seconds, 0.99):>8.2f}"
            + "".join(f"{count or '':>7}" for count in counts)
            + f"  {told}"
        )
    decided = {each["decision_id"] for each in storm.answers.values()}
    met = ", ".join(f"{count:,} {name}" for name, count in sorted(storm.met.items()))
    return [
        *lines,
        "",
        f"{storm.wishes:,} requests in {len(storm.tries):,} tries and {storm.seconds:.0f} s",
        f"calls bent on their way: {met or 'none'}",
        f"{len(storm.answers):,} answers of 200 about {len(decided):,} decisions, "
        f"{storm.entries:,} entries in the log",
        f"{storm.unanswered:,} entries of requests without a key whose client got a failure",
        f"{len(storm.given_up):,} requests given up, {len(storm.faults):,} faults",
        *(f"FAULT {each}" for each in storm.faults[:FAULTS_MAX]),
    ]


def write(storm: Storm, path: Path) -> None:
    """Write the tries and the phases; no answer, and nothing of an applicant."""
    found = {
        "seconds": storm.seconds,
        "phases": storm.begun,
        "tries": [asdict(each) for each in storm.tries],
        "faults": storm.faults,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found) + "\n")


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
