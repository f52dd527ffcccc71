"""`make bench`: print a table and write `build/bench.json`.

Each row is `{name, value, unit, peer, peer_value, ratio, reach, met}`; both sides of a row are
measured in this run on this machine, in turns. `reach` is the ratio to stay within or, for a
model's accuracy, the value to reach.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks import accuracy, form, parsing, reasons, serving, warm_run
from local.place import here

PARTS = {
    "parsing": parsing.measure,
    "form": form.measure,
    "run": warm_run.measure,
    "reasons": reasons.measure,
    "accuracy": accuracy.measure,
    "serving": serving.measure,
}


def main() -> int:
    """Measure everything; exit 1 when a row misses its reach."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("only", nargs="*", choices=[*PARTS, []], help="parts (default: all)")
    parts = parser.parse_args().only or list(PARTS)
    place = here()
    rows = [row for part in parts for row in PARTS[part](place)]
    target = place.build / "bench.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(rows, indent=1) + "\n")
    print(render(rows))
    print(f"\nwritten to {_shown(target, place.root)}")
    return 0 if all(row["met"] is not False for row in rows) else 1


def render(rows: Iterable[dict[str, Any]]) -> str:
    """Return the rows as a table for the terminal."""
    lines = [f"{'':<50}{'ours':>9}  {'peer':>9}  {'ratio':>6}  {'reach':>7}  unit, beside"]
    for each in rows:
        figures = "".join(
            f"{_spell(each[name]):>{width}}  "
            for name, width in (("value", 9), ("peer_value", 9), ("ratio", 6), ("reach", 7))
        )
        beside = ", ".join(filter(None, (each["unit"], each["peer"])))
        mark = {True: "", False: "   MISSED", None: ""}[each["met"]]
        lines.append(f"{each['name']:<50}{figures}{beside}{mark}")
    return "\n".join(lines)


def _spell(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


if __name__ == "__main__":
    sys.exit(main())
