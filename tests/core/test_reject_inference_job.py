"""The jobs of a portfolio that infers: from its cleaned objects to the report of the effect."""

from __future__ import annotations

import json
import shutil
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import PERIOD, make_prepared, run_container

from solvencia import layout, model, portfolio, training
from solvencia.clean import clean
from solvencia.reject_inference import APPROVED_ONLY, UninferableData
from solvencia.split import assign

ROWS = 8_000
LABEL = "is_seriously_delinquent"
RULES = """
[model]
reject_inference = "parcelling"
declined_odds_factor = 3.0

[fields.is_approved]
role = "decision"
type = "integer"
minimum = 0
maximum = 1
"""
QUICK = {"rounds_max": "40", "networks": "1", "members": "1", "learning_rate": "0.2"}


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A copy of the package whose consumer credit keeps and infers the declined."""
    root = tmp_path_factory.mktemp("inferring")
    source = layout.PORTFOLIOS.parent
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(source, root / "solvencia", ignore=ignored)
    file = root / "solvencia" / "portfolios" / "consumer_credit" / "portfolio.toml"
    file.write_text(file.read_text() + RULES)
    return root


@pytest.fixture(scope="module")
def product(package):
    return portfolio.load("consumer_credit", package / "solvencia" / "portfolios")


@pytest.fixture(scope="module")
def cleaned(product):
    """Cleaned columns by split; who was declined had a letter that no field records."""
    rng = np.random.default_rng(41)
    prepared = make_prepared(ROWS, seed=40)
    use, has_letter = prepared["revolving_utilisation_ratio"], rng.random(ROWS) < 0.35
    log_odds = -3.2 + 2.5 * use + np.log(4) * has_letter
    is_bad = rng.random(ROWS) < 1 / (1 + np.exp(-log_odds))
    is_declined = (has_letter & (rng.random(ROWS) < 0.9)) | (use > 0.8)
    given = prepared | {
        LABEL: np.where(is_declined, np.nan, is_bad),
        "is_approved": np.where(is_declined, 0, 1),
    }
    columns = clean(product, given).columns
    keys, dates = columns["application_id"], columns["applied_on"]
    split = assign(product, PERIOD, keys, dates, columns["is_approved"])
    found = {
        name: {key: values[split == name] for key, values in columns.items()}
        for name in ("train", "validation", "test", "declined")
    }
    is_new = assign(product, PERIOD, keys, dates) == "test"
    return found, is_bad[is_new & is_declined]


def lay_out(base, cleaned, *channels):
    """Fill the channels of a training job."""
    config = base / "input" / "config"
    config.mkdir(parents=True)
    given = {"portfolio": "consumer_credit", "period": PERIOD, **QUICK}
    (config / "hyperparameters.json").write_text(json.dumps(given))
    for name in channels:
        folder = base / "input" / "data" / name
        folder.mkdir(parents=True)
        pq.write_table(pa.table(cleaned[name]), folder / "part-0000.parquet")


def train(base, package):
    process = run_container(base, "train", PYTHONPATH=str(package))
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


@pytest.fixture(scope="module")
def trained(tmp_path_factory, cleaned, package):
    """Base folder and output of one training job."""
    base = tmp_path_factory.mktemp("job")
    lay_out(base, cleaned[0], "train", "validation", "declined")
    status, out, err = train(base, package)
    assert status == 0, err
    return base, out


def evaluate(base, package, trained, cleaned, *inputs):
    """Run the evaluation job; return its metrics.json."""
    folder = base / "processing" / "input"
    (folder / "model").mkdir(parents=True)
    with tarfile.open(folder / "model" / "model.tar.gz", "w:gz") as archive:
        archive.add(trained[0] / "model", ".")
    for name in inputs:
        (folder / name).mkdir()
        pq.write_table(pa.table(cleaned[name]), folder / name / "part-0000.parquet")
    process = run_container(base, "evaluate", PYTHONPATH=str(package))
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return json.loads((base / "processing" / "output" / "metrics.json").read_text())


def test_the_job_trains_on_declined_rows_of_the_training_months(trained, cleaned, product):
    """Those of the test's months do not train; the model before travels with the chosen one."""
    base, out = trained
    declined = cleaned[0]["declined"]
    keys, dates = declined["application_id"], declined["applied_on"]
    places = assign(product, PERIOD, keys, dates).tolist()

    loaded = model.load(base / "model")

    assumed = loaded.selection["reject_inference"]
    assert assumed["declined_train"] == places.count("train") > 500
    assert assumed["declined_validation"] == places.count("validation") > 100
    assert (assumed["method"], assumed["odds_factor"]) == ("parcelling", 3.0)
    assert 0 < assumed["inferred_bads"] < places.count("train") + places.count("validation")
    assert loaded.challengers[APPROVED_ONLY].digest != loaded.digest
    assert f"declined:rows={len(keys)};" in out
    assert "odds_factor=3.0; " in out


def test_training_twice_gives_the_same_digest(trained, cleaned, package, tmp_path):
    """Outcomes are drawn by the keys, so another order of the declined changes nothing."""
    order = np.random.default_rng(1).permutation(len(cleaned[0]["declined"]["application_id"]))
    mixed = {name: values[order] for name, values in cleaned[0]["declined"].items()}
    lay_out(tmp_path, {**cleaned[0], "declined": mixed}, "train", "validation", "declined")

    status, _, err = train(tmp_path, package)

    assert status == 0, err
    assert model.load(tmp_path / "model").digest == model.load(trained[0] / "model").digest


def test_the_effect_stands_in_metrics_report_and_plot(trained, cleaned, package, tmp_path):
    """Both models are held against real outcomes of the approved, and against the declined.

    The truth, which the job does not know: a factor near it mends the declined's mean PD.
    """
    metrics = evaluate(tmp_path, package, trained, cleaned[0], "test", "train", "declined")

    output, (columns, truth) = tmp_path / "processing" / "output", cleaned
    found = metrics["reject_inference"]
    assert found["approved_rows"] == len(columns["test"]["application_id"]) == metrics["rows"]
    assert found["declined_rows"] == len(truth) > 200
    assert found["auc_after"] == pytest.approx(metrics["auc"])
    assert found["declined_pd_after"] > found["declined_pd_before"]
    error = {when: abs(found[f"declined_pd_{when}"] - truth.mean()) for when in ("before", "after")}
    assert error["after"] < 0.7 * error["before"]
    assert 0 <= found["swapped_in"] < found["swapped_out"] < 1
    assert "reject_inference.png" in metrics["plots"]
    assert (output / "reject_inference.png").stat().st_size > 5_000
    page = (output / "report.html").read_text()
    assert "their odds of default are 3 times what the model of the approved gives" in page
    assert "are swapped in, approved only with reject inference" in page
    assert {each["kind"] for each in metrics["challengers"]} <= {"scorecard", "boosting", "blend"}


def test_an_effect_that_was_not_measured_is_told(trained, cleaned, package, tmp_path):
    """Without the input `declined` the page names the assumption and says what it lacks."""
    metrics = evaluate(tmp_path, package, trained, cleaned[0], "test")

    page = (tmp_path / "processing" / "output" / "report.html").read_text()
    assert metrics["reject_inference"]["auc_after"] is None
    assert "reject_inference.png" not in metrics["plots"]
    assert "What it changes was not measured" in page


def test_a_job_without_the_channel_says_what_is_missing(cleaned, package, tmp_path):
    """A portfolio that infers cannot train as if it did not."""
    lay_out(tmp_path, cleaned[0], "train", "validation")

    status, _, err = train(tmp_path, package)

    assert status == 1
    assert "channel 'declined' holds no .parquet object: run the clean stage first" in err


def test_declined_of_the_tests_months_alone_cannot_train(product, cleaned):
    """Where no declined application is old enough the error says what to change."""
    columns = cleaned[0]
    dates = columns["declined"]["applied_on"]
    is_new = dates >= np.datetime64("2024-06-01")
    new = {name: values[is_new] for name, values in columns["declined"].items()}
    few = {name: float(value) for name, value in QUICK.items()} | {"rounds_max": 5}

    with pytest.raises(
        UninferableData, match="no declined application that is older than the test"
    ):
        training.train(product, PERIOD, columns["train"], columns["validation"], few, declined=new)
