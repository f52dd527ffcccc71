"""One fault at a time, put into made-up applications or into their model.

Run as `python faulty.py FOLDER` it leaves what training and evaluation of each fault would leave:
`<fault>/model.tar.gz`, `<fault>/evaluation/` and, of all, `bounds.json`.
"""

from __future__ import annotations

import json
import sys
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from conftest import PERIOD, make_prepared

from solvencia import portfolio, training
from solvencia.clean import clean
from solvencia.container import evaluate
from solvencia.container.folders import Folders
from solvencia.model import Model
from solvencia.portfolio import Fairness, Gate, Portfolio
from solvencia.split import assign

type Columns = dict[str, np.ndarray]

ROWS = 8000
SMALL = {"num_leaves": 5, "rounds_max": 40, "learning_rate": 0.2}
BOUNDS = Gate(
    auc_min=0.65,
    ece_max=0.06,
    rows_min=1500,
    ks_min=0.25,
    brier_max=0.2,
    psi_max=0.25,
    csi_max=0.25,
    feature_auc_max=0.9,
    impact_ratio_min=0.75,
    opportunity_difference_max=0.2,
)
CUT_OFF = Fairness(approve_points=500)


@dataclass(frozen=True)
class Trial:
    """A model, and the cleaned applications of `train`, `validation` and `test` it is judged on."""

    parts: Mapping[str, Columns]
    model: Model


def fit_bounds(product: Portfolio) -> Portfolio:
    """Return a portfolio with bounds that fit made-up applications."""
    return replace(product, gate=BOUNDS, fairness=CUT_OFF)


def split(product: Portfolio, prepared: Columns) -> dict[str, Columns]:
    columns = clean(product, prepared).columns
    places = assign(product, PERIOD, columns["application_id"], columns["applied_on"])
    return {
        name: {key: values[places == name] for key, values in columns.items()}
        for name in ("train", "validation", "test")
    }


def train(product: Portfolio, parts: Mapping[str, Columns]) -> Model:
    return training.train(product, PERIOD, parts["train"], parts["validation"], SMALL)


def make_sound(product: Portfolio) -> Trial:
    """Applications without a fault, and the model of them."""
    parts = split(product, make_prepared(ROWS, seed=3))
    return Trial(parts, train(product, parts))


def shift(product: Portfolio, sound: Trial) -> Trial:
    """Drift: the test's incomes come in another unit."""
    test = sound.parts["test"]
    shifted = test | {"monthly_income_usd": test["monthly_income_usd"] * 3}
    return Trial({**sound.parts, "test": shifted}, sound.model)


def leak(product: Portfolio, sound: Trial) -> Trial:
    """Leakage: a feature is the label with noise."""
    prepared = make_prepared(ROWS, seed=3)
    rng = np.random.default_rng(9)
    is_bad = prepared["is_seriously_delinquent"].astype(bool)
    lines = np.where(is_bad, rng.poisson(16, ROWS), rng.poisson(5, ROWS))
    parts = split(product, prepared | {"open_credit_lines_count": lines})
    return Trial(parts, train(product, parts))


def favour(product: Portfolio, sound: Trial) -> Trial:
    """Unfairness: the young are riskier, and a feature stands in for age."""
    prepared = make_prepared(ROWS, seed=3)
    is_young = prepared["age_years"] < 35
    log_odds = -4 + 2.5 * prepared["revolving_utilisation_ratio"] + 2.5 * is_young
    prepared = draw_outcome(prepared, log_odds)
    parts = split(product, prepared | {"real_estate_loans_count": np.where(is_young, 0, 3)})
    return Trial(parts, train(product, parts))


def miscalibrate(product: Portfolio, sound: Trial) -> Trial:
    """Miscalibration: log-odds moved by 1, so that the model ranks as before."""
    moved = replace(sound.model, intercept=sound.model.intercept + 1.0)
    return Trial(sound.parts, moved)


def bend(product: Portfolio, sound: Trial) -> Trial:
    """A broken direction: the model is fitted without its constraint to data that bend."""
    prepared = make_prepared(ROWS, seed=3)
    ratio = prepared["revolving_utilisation_ratio"]
    parts = split(product, draw_outcome(prepared, -1 - 4 * ratio * (1 - ratio) * 2))
    free = {name: replace(each, monotone=0) for name, each in product.fields.items()}
    return Trial(parts, train(replace(product, fields=free), parts))


FAULTS: Mapping[str, Callable[[Portfolio, Trial], Trial]] = {
    "drift": shift,
    "leakage": leak,
    "unfairness": favour,
    "miscalibration": miscalibrate,
    "direction": bend,
}


def draw_outcome(prepared: Columns, log_odds: np.ndarray, seed: int = 5) -> Columns:
    chance = np.random.default_rng(seed).random(ROWS)
    return prepared | {
        "is_seriously_delinquent": (chance < 1 / (1 + np.exp(-log_odds))).astype(int)
    }


def lay_out(folder: Path, trial: Trial) -> None:
    """Leave a trial's artefact, and its evaluation by the model image's own code."""
    base = folder / "job"
    inputs = base / "processing" / "input"
    trained = base / "model"
    trained.mkdir(parents=True)
    trial.model.save(trained)
    for name in ("model", "champion"):  # its own champion: none is live
        (inputs / name).mkdir(parents=True)
        with tarfile.open(inputs / name / "model.tar.gz", "w:gz") as archive:
            archive.add(trained, ".")
    for name in ("test", "train"):
        (inputs / name).mkdir()
        pq.write_table(pa.table(trial.parts[name]), inputs / name / "part-0000.parquet")
    evaluate.run(Folders(base))
    (inputs / "model" / "model.tar.gz").rename(folder / "model.tar.gz")
    (base / "processing" / "output").rename(folder / "evaluation")


def main(folder: Path) -> None:
    product = fit_bounds(portfolio.load("consumer_credit"))
    portfolio.load = lambda name: product  # what the evaluation judges by
    sound = make_sound(product)
    for name, inject in FAULTS.items():
        lay_out(folder / name, inject(product, sound))
    bounds = {"gate": asdict(BOUNDS), "fairness": asdict(CUT_OFF)}
    (folder / "bounds.json").write_text(json.dumps(bounds), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
