"""The main job a second time: seconds of the whole and of each stage."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

from benchmarks.rows import row
from local.place import Place


def measure(place: Place) -> list[dict[str, Any]]:
    """Return a row for the warm run and one for each of its stages; there is no peer that runs."""
    summary = place.results("consumer_credit") / "summary.json"
    if not summary.exists():
        _run(place)
    seconds = _run(place)
    stages = json.loads(summary.read_text())["stages"]
    return [
        row("warm run, whole", seconds, "s"),
        *(row(f"warm run, {each['name']}", each["seconds"], "s") for each in stages),
    ]


def _run(place: Place) -> float:
    before = time.perf_counter()
    subprocess.run([place.python("airflow"), "-m", "local", "run"], cwd=place.root, check=True)  # noqa: S603
    return time.perf_counter() - before
