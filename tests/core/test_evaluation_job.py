from __future__ import annotations

import json
import shutil
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import PERIOD

from solvencia import model, training
from solvencia.container.__main__ import main


def pack(trained, archive):
    """Write a model's folder as SageMaker archives it."""
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as opened:
        opened.add(trained, ".")


@pytest.fixture
def job(trained, splits, tmp_path, monkeypatch):
    """A base folder with model, test and train; returns it with what runs the job."""
    inputs = tmp_path / "processing" / "input"
    pack(trained[0] / "model", inputs / "model" / "model.tar.gz")
    for name in ("test", "train"):
        (inputs / name).mkdir()
        pq.write_table(pa.table(splits[name]), inputs / name / "part-0000.parquet")
    monkeypatch.setenv("SAGEMAKER_BASE_DIR", str(tmp_path))

    def run():
        assert main(["evaluate"]) == 0
        return json.loads((tmp_path / "processing" / "output" / "metrics.json").read_text())

    return inputs, run


def test_the_live_model_is_compared(job, consumer_credit, splits, tmp_path, capsys):
    """Given another model as champion, the difference, its interval and both curves are there."""
    inputs, run = job
    few = {"num_leaves": 3, "rounds_max": 3, "learning_rate": 0.3}
    live = training.train(consumer_credit, PERIOD, splits["train"], splits["validation"], few)
    (tmp_path / "live").mkdir()
    live.save(tmp_path / "live")
    pack(tmp_path / "live", inputs / "champion" / "model.tar.gz")

    metrics = run()

    found = metrics["champion"]
    assert (found["digest"], found["kind"], found["period"]) == (live.digest, live.kind, PERIOD)
    assert found["low"] <= found["difference"] <= found["high"]
    assert found["difference"] == pytest.approx(metrics["auc"] - found["auc"])
    assert "champion.png" in metrics["plots"]
    assert f"test:refused={metrics['refusals'][0]};" in capsys.readouterr().out


def test_the_very_model_is_no_champion(job):
    """The model's own artefact as champion means that there is none."""
    inputs, run = job
    (inputs / "champion").mkdir()
    shutil.copy(inputs / "model" / "model.tar.gz", inputs / "champion")

    assert run()["champion"] is None


def test_without_the_input_champion_the_model_is_refused(job):
    """A job that forgot it does not pass for the first model of a portfolio."""
    _, run = job

    assert any("no input champion" in each for each in run()["refusals"])


def test_a_champion_that_cannot_be_read_is_said_and_refused(job, trained, tmp_path):
    """An artefact of another release does not end the job: the gate says why it refuses."""
    inputs, run = job
    shutil.copytree(trained[0] / "model", tmp_path / "other")
    (tmp_path / "other" / "model.json").write_text("{")
    pack(tmp_path / "other", inputs / "champion" / "model.tar.gz")

    metrics = run()

    assert metrics["champion"]["difference"] is None
    assert "cannot be read by this image" in metrics["champion"]["note"]
    assert any(
        each.startswith("the live champion was not compared") for each in metrics["refusals"]
    )
    page = (tmp_path / "processing" / "output" / "report.html").read_text()
    assert "The live champion was not compared: its artefact cannot be read" in page
    assert metrics["model"]["digest"] == model.load(trained[0] / "model").digest
