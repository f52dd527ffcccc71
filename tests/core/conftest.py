from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from solvencia import features, layout, network, portfolio, training
from solvencia.clean import clean
from solvencia.encoding import Encoding, Value
from solvencia.model import Part
from solvencia.split import assign

PERIOD = "2026-10"
CARDS = """
name = "cards"
title = { en = "Cards", es = "Tarjetas" }
owner = "cards-data"
[schedule]
start = 2024-01-01
[label]
field = "is_bad"
window_months = 12
[split]
test_months = 2
validation_percent = 50
parts = 1
[scaling]
points = 500
odds = 10
pdo = 20
[gate]
auc_min = 0.6
ece_max = 0.1
rows_min = 10
[tables.card]
key = ["card_no"]
time = "asked_on"
columns = { card_no = "text", asked_on = "date", is_bad = "integer", housing = "text" }
[fields.card_no]
role = "id"
type = "text"
[fields.asked_on]
role = "time"
type = "date"
[fields.is_bad]
role = "label"
type = "integer"
minimum = 0
maximum = 1
[fields.housing]
role = "feature"
type = "text"
categories = ["rent", "own", "parents"]
reason = { code = "C1", en = "Housing", es = "Vivienda" }
[fields.years_at_address]
role = "feature"
type = "number"
nullable = true
minimum = 0
reason = { code = "C2", en = "Time at address", es = "Tiempo en el domicilio" }
"""


@pytest.fixture(scope="session")
def consumer_credit():
    return portfolio.load("consumer_credit")


@pytest.fixture
def cards(tmp_path):
    folder = tmp_path / "cards"
    folder.mkdir()
    (folder / "portfolio.toml").write_text(CARDS)
    (folder / "prepare.sql").write_text("SELECT 1")
    return portfolio.load("cards", tmp_path)


@pytest.fixture
def application():
    """One request, as a form sends it."""
    return {
        "revolving_utilisation_ratio": 0.9,
        "past_due_30_59_days_count": 2,
        "past_due_60_89_days_count": 0,
        "past_due_90_days_count": 0,
        "debt_ratio": 0.4,
        "monthly_income_usd": 3000.0,
        "open_credit_lines_count": 8,
        "real_estate_loans_count": 1,
        "dependents_count": 2,
    }


def make_prepared(rows: int, seed: int = 1) -> dict[str, np.ndarray]:
    """Applications of 24 matured vintages whose risk follows utilisation and arrears."""
    rng = np.random.default_rng(seed)
    utilisation = rng.beta(0.7, 1.5, rows)
    utilisation[::25] = 0.0  # which means no use at all
    late = rng.poisson(0.3, rows).astype(float)
    income = rng.lognormal(8.5, 0.6, rows).round(2)
    income[rng.random(rows) < 0.2] = np.nan
    ratio = np.where(np.isnan(income), rng.integers(0, 4000, rows), rng.gamma(2, 0.2, rows))
    log_odds = -3.2 + 2.5 * utilisation + 0.9 * late + 0.3 * ratio * ~np.isnan(income)
    late[rng.random(rows) < 0.01] = 98
    months = np.datetime64("2022-11") + rng.integers(0, 24, rows)
    return {
        "application_id": np.arange(1, rows + 1),
        "applied_on": months.astype("datetime64[D]") + rng.integers(0, 28, rows),
        "is_seriously_delinquent": (rng.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(int),
        "age_years": rng.integers(18, 90, rows),
        "revolving_utilisation_ratio": utilisation,
        "past_due_30_59_days_count": late,
        "past_due_60_89_days_count": rng.poisson(0.1, rows),
        "past_due_90_days_count": rng.poisson(0.1, rows),
        "debt_ratio": ratio,
        "monthly_income_usd": income,
        "open_credit_lines_count": rng.poisson(8, rows),
        "real_estate_loans_count": rng.poisson(1, rows),
        "dependents_count": np.where(rng.random(rows) < 0.03, np.nan, rng.poisson(0.8, rows)),
    }


@pytest.fixture(scope="session")
def splits(consumer_credit):
    """Cleaned columns by split of 4,000 synthetic applications."""
    columns = clean(consumer_credit, make_prepared(4000)).columns
    split = assign(consumer_credit, PERIOD, columns["application_id"], columns["applied_on"])
    return {
        name: {key: values[split == name] for key, values in columns.items()}
        for name in ("train", "validation", "test")
    }


@pytest.fixture(scope="session")
def small_model(consumer_credit, splits):
    """A model of a few small trees."""
    few = {"num_leaves": 5, "rounds_max": 12, "learning_rate": 0.3, "members": 2, "networks": 1}
    return training.train(consumer_credit, PERIOD, splits["train"], splits["validation"], few)


@pytest.fixture(scope="session")
def kinds(consumer_credit, splits, small_model):
    """A small model of each kind, by kind; the blend holds all three scorers."""
    found = {small_model.kind: small_model, **small_model.challengers}
    names = small_model.features
    rows = features.build(consumer_credit, splits["train"])
    outcome = splits["train"]["is_seriously_delinquent"]
    columns = Encoding(names, tuple(Value(name) for name in names))
    net = network.fit(consumer_credit, columns, rows, outcome, members=2, seed=1)
    scorers = [*(found[kind].parts[0].scorer for kind in ("scorecard", "boosting")), net]
    parts = tuple(Part(share, each) for share, each in zip((0.3, 0.5, 0.2), scorers, strict=True))
    found["blend"] = replace(found["boosting"], kind="blend", parts=parts, intercept=0.1)
    return found


def fill_channels(base: Path, splits, **hyperparameters: str) -> None:
    """Lay out what SageMaker gives a container, in several objects for each channel."""
    config = base / "input" / "config"
    config.mkdir(parents=True)
    given = {"portfolio": "consumer_credit", "period": PERIOD, **hyperparameters}
    (config / "hyperparameters.json").write_text(json.dumps(given))
    for name in ("train", "validation", "test"):
        folder = base / "input" / "data" / name
        if name == "test":
            folder = base / "processing" / "input" / "test"
        folder.mkdir(parents=True)
        table = pa.table(splits[name])
        half = len(table) // 2
        pq.write_table(table.slice(half), folder / "part-0000.parquet")
        pq.write_table(table.slice(0, half), folder / "part-0001.parquet")


def run_container(base: Path, verb: str, **env: str) -> subprocess.Popen[str]:
    """Start a verb as the image's entry point does."""
    return subprocess.Popen(
        [sys.executable, "-m", "solvencia.container", verb],
        env={
            **os.environ,
            "PYTHONPATH": str(layout.PORTFOLIOS.parent.parent),
            "SAGEMAKER_BASE_DIR": str(base),
            **env,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="session")
def trained(tmp_path_factory, splits):
    """Base folder and output of one training job run by the container."""
    base = tmp_path_factory.mktemp("trained")
    fill_channels(base, splits, rounds_max="60", networks="1")
    process = run_container(base, "train")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return base, out
