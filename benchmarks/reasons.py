"""Whether reasons hold on real data: the model of `consumer_credit` as shipped, trained once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from benchmarks.rows import figure
from local.place import Place
from local.samples import SAMPLES
from local.samples.sample import fetch

PORTFOLIO = "consumer_credit"
APPLICANTS, DECLINED_MIN = 200, 1_000
ERROR_MAX, BEST_MIN = 1e-6, 0.99


def measure(place: Place) -> list[dict[str, Any]]:
    """Train, explain and return both rows; a user has no peer that promises either."""
    wheel = fetch(SAMPLES[PORTFOLIO].source, place.build / "downloads", place.python("uv"))
    command = [place.python("model"), "-m", "benchmarks.explained", PORTFOLIO, str(wheel)]
    command += ["--applicants", str(APPLICANTS)]
    print(f"reasons: one model, {APPLICANTS} x 8,192 subsets", file=sys.stderr, flush=True)
    child = subprocess.run(  # noqa: S603 - our own module
        command,
        env={**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")},
        cwd=place.root,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return tabulate(json.loads(child.stdout.splitlines()[-1]))


def tabulate(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of what `benchmarks.explained` printed."""
    if found["declined"] < DECLINED_MIN:
        raise ValueError(f"only {found['declined']} declined, and {DECLINED_MIN} are asked for")
    title = f"Reasons ({found['kind']}, {found['features']} features)"
    return [
        figure(
            f"{title}: error on {found['applicants']}",
            found["error"],
            "log-odds from brute-force Shapley",
            at_most=ERROR_MAX,
            digits=15,
        ),
        figure(
            f"{title}: best of {found['declined']}",
            found["best"],
            "share of declined whose cited fields raise the score most",
            at_least=BEST_MIN,
        ),
    ]
