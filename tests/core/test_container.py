from __future__ import annotations

import json
import shutil
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import fill_channels, run_container

from solvencia import gate, lineage, model
from solvencia.container.__main__ import main


def test_training_leaves_a_portable_model(trained):
    """The job writes text and JSON only, prints its metrics, and names no machine."""
    base, out = trained

    files = {each.name for each in (base / "model").rglob("*") if each.is_file()}
    assert {"booster.txt", "model.json", "scorecard.json"} <= files
    known = {"booster.txt", "model.json", "network.json", "provenance.json", "scorecard.json"}
    assert files <= known
    for text in ("validation:auc=0.", "validation:ks=0.", "train:ece=0.", "trees on"):
        assert text in out
    for kind in ("scorecard", "boosting"):
        assert f"challenger:{kind}: auc=0." in out
    assert str(base) not in (base / "model" / "model.json").read_text()


def test_the_artefact_says_what_code_and_libraries_made_it(trained):
    """The training's own digests travel with the model."""
    base, _ = trained

    found = json.loads((base / "model" / "provenance.json").read_text())
    assert found == lineage.describe_image("consumer_credit")
    assert found["code_digest"] == lineage.code_digest("consumer_credit")


def test_training_does_not_depend_on_the_parts(trained, splits, tmp_path):
    """Another cut of the rows, an empty object among them, and other threads: the same model."""
    fill_channels(tmp_path, splits, rounds_max="60", networks="1", num_threads="2")
    folder = tmp_path / "input" / "data" / "train"
    shutil.rmtree(folder)
    folder.mkdir()
    whole = pa.table(splits["train"])
    pq.write_table(whole, folder / "part-0000.parquet")
    required = pa.schema([each.with_nullable(False) for each in whole.schema])
    pq.write_table(required.empty_table(), folder / "part-0001.parquet")

    process = run_container(tmp_path, "train")
    process.communicate(timeout=60)

    assert process.returncode == 0
    assert model.load(tmp_path / "model").digest == model.load(trained[0] / "model").digest


@pytest.mark.parametrize("has_train", [False, True])
def test_evaluation_writes_metrics_report_and_plots(
    trained, consumer_credit, monkeypatch, tmp_path, has_train
):
    """The job leaves metrics.json with the model's identity, and the files it names.

    Without the input `train`, as by hand, drift is null.
    """
    base = tmp_path / "evaluated"
    shutil.copytree(trained[0], base)
    if has_train:
        shutil.copytree(base / "input" / "data" / "train", base / "processing" / "input" / "train")
    folder = base / "processing" / "input" / "model"
    folder.mkdir(parents=True)
    with tarfile.open(folder / "model.tar.gz", "w:gz") as archive:
        for each in (base / "model").iterdir():
            archive.add(each, each.name)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(base))

    status = main(["evaluate"])

    output = base / "processing" / "output"
    metrics = json.loads((output / "metrics.json").read_text())
    assert status == 0
    assert set(metrics) == {
        "auc", "auc_low", "auc_high", "gini", "ks", "brier", "ece", "rows", "bads", "model",
        "plots", "h_measure", "lift_10", "bootstrap", "psi", "csi", "fairness", "report",
        "calibration_line", "challengers", "champion", "drift", "gate", "leakage", "monotone",
        "reduction", "refusals", "reject_inference", "code_digest",
    }  # fmt: skip
    assert metrics["model"] == {
        "digest": model.load(base / "model").digest,
        "period": "2026-10",
        "portfolio": "consumer_credit",
        "fingerprint": consumer_credit.fingerprint,
        "kind": model.load(base / "model").kind,
    }
    assert metrics["auc"] > 0.7
    assert metrics["refusals"] == gate.refusals(metrics, consumer_credit)
    assert all((output / name).stat().st_size for name in metrics["plots"])
    assert (metrics["psi"] is not None) == has_train
    assert (output / metrics["report"]).read_text().startswith("<!DOCTYPE html>")
    assert json.loads((output / "report.json").read_text())["model"] == metrics["model"]


def break_channel(base, splits):
    shutil.rmtree(base / "input" / "data" / "validation")


def break_column(base, splits):
    columns = {name: each for name, each in splits["train"].items() if name != "debt_ratio"}
    pq.write_table(pa.table(columns), base / "input" / "data" / "train" / "part-0000.parquet")


def break_time(base, splits):
    pq.write_table(
        pa.table(splits["test"]), base / "input" / "data" / "train" / "part-0000.parquet"
    )


def break_config(**given):
    def write(base, splits):
        (base / "input" / "config" / "hyperparameters.json").write_text(json.dumps(given))

    return write


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (break_channel, "channel 'validation' holds no .parquet object: run the clean stage"),
        (break_column, "channel 'train' has no column debt_ratio"),
        (break_time, "of 2024-04 or later, which period 2026-10 keeps for the test"),
        (break_config(period="2026-10"), "portfolio is missing"),
        (break_config(portfolio="loans", period="2026-10"), "no portfolio 'loans': there are"),
        (break_config(portfolio="consumer_credit", period="2026"), "'2026' is not a period"),
        (
            break_config(portfolio="consumer_credit", period="2026-10", leaves="3", seed="x"),
            "leaves is unknown: use learning_rate, num_leaves",
        ),
        (lambda base, splits: shutil.rmtree(base / "input" / "config"), "No such file"),
    ],
)
def test_a_failed_job_says_why(tmp_path, splits, monkeypatch, fault, expected):
    """A job that cannot train ends with 1 and a reason with the next step in output/failure."""
    fill_channels(tmp_path, splits)
    fault(tmp_path, splits)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))

    status = main(["train"])

    reason = (tmp_path / "output" / "failure").read_text()
    assert status == 1
    assert reason.startswith("train failed: ")
    assert expected in reason
    assert len(reason) <= 1024
    assert not (tmp_path / "model" / "model.json").exists()


def test_a_failure_keeps_applicants_values(tmp_path, splits, monkeypatch, capfd):
    """A library's error is placed but not quoted, as it may hold what an applicant gave."""
    fill_channels(tmp_path, splits)
    rows = len(splits["train"]["application_id"])
    secret = splits["train"] | {"debt_ratio": np.array(["secret-77"] * rows, dtype=object)}
    for place, name in enumerate(("part-0000.parquet", "part-0001.parquet")):
        table = pa.table(secret).slice(place * 100, 100)
        pq.write_table(table, tmp_path / "input" / "data" / "train" / name)
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))

    status = main(["train"])

    reason = (tmp_path / "output" / "failure").read_text()
    assert status == 1
    assert "ValueError in build (line" in reason
    assert "secret-77" not in reason + capfd.readouterr().err


def test_an_altered_model_does_not_serve(trained, tmp_path, monkeypatch):
    """A server whose artefact was changed ends before it listens, with the reason."""
    shutil.copytree(trained[0] / "model", tmp_path / "model")
    for path in (tmp_path / "model").glob("[!m]*.*"):
        path.write_text(path.read_text() + "\n")

    process = run_container(tmp_path, "serve")
    process.communicate(timeout=30)

    assert process.returncode == 1
    assert "do not match the digest" in (tmp_path / "output" / "failure").read_text()


@pytest.mark.parametrize("argv", [[], ["deploy"], ["train", "now"]])
def test_an_unknown_verb_lists_the_known(argv, capsys):
    """Anything but one known verb prints the usage and ends with 2."""
    assert main(argv) == 2
    assert "train|serve|evaluate" in capsys.readouterr().err
