"""`make bench`: print a table and write `build/bench.json`.

Each row is `{name, value, unit, peer, peer_value, ratio, reach, met}`; both sides of a row are
measured in this run on this machine, in turns. `reach` is the ratio to stay within.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks import parsing, warm_run
from local.place import here


def main() -> int:
    """Measure everything; exit 1 when a row misses its reach."""
    place = here()
    rows = [*parsing.measure(place), *warm_run.measure(place)]
    target = place.build / "bench.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(rows, indent=1) + "\n")
    print(render(rows))
    print(f"\nwritten to {_shown(target, place.root)}")
    return 0 if all(row["met"] is not False for row in rows) else 1


def render(rows: Iterable[dict[str, Any]]) -> str:
    """Return the rows as a table for the terminal."""
    lines = [f"{'':<34}{'ours':>10}  {'peer':>10}  {'ratio':>6}  {'reach':>6}  beside"]
    for each in rows:
        peer = "" if each["peer_value"] is None else f"{each['peer_value']:.2f} {each['unit']}"
        ratio = "" if each["ratio"] is None else f"{each['ratio']:.2f}"
        reach = "" if each["reach"] is None else f"{each['reach']:.2f}"
        mark = {True: "", False: "   MISSED", None: ""}[each["met"]]
        ours = f"{each['value']:.2f} {each['unit']}"
        figures = f"{ours:>10}  {peer:>10}  {ratio:>6}  {reach:>6}"
        lines.append(f"{each['name']:<34}{figures}  {each['peer']}{mark}")
    return "\n".join(lines)


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


if __name__ == "__main__":
    sys.exit(main())
