"""A portfolio drafted from a file, told who was declined, run whole on a stack of its own."""

import json
import os
import shutil
import subprocess

import pytest

from solvencia import layout

from . import declining
from .conftest import ROOT, TREE, free_port

PERIOD = "2026-06"
NAME = declining.NAME


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The folder of a stack that ran the main job, and what truly became of everybody."""
    folder = tmp_path_factory.mktemp("declined")
    root = folder / "tree"
    for name in (*TREE, "plugins", "drafting"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / ".venv").symlink_to(ROOT / ".venv")
    truth = declining.write(folder / "loans.csv")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{root}:{root / 'include'}",
        "SOLVENCIA_BUILD": str(root / "build"),
        "SOLVENCIA_AWS_PORT": str(free_port()),
        "SOLVENCIA_AIRFLOW_PORT": str(free_port()),
    }

    def call(python, *arguments):
        command = [str(root / ".venv" / python / "bin" / "python"), "-m", *arguments]
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    drafted = ("--name", NAME, "--from", str(folder / "loans.csv"), "--target", "outcome")
    call("model", "drafting", *drafted, "--window", "12")
    declining.edit(root / "include" / "solvencia" / "portfolios" / NAME)
    call("model", "solvencia.contracts")
    return root / "build", truth, call("airflow", "local", "run", "--portfolio", NAME)


@pytest.fixture(scope="module")
def stored(ran):
    """Find one object of the stack's buckets by its key."""

    def find(key):
        (found,) = (ran[0] / "aws" / "s3").glob(f"*/*/{key}")
        return found

    return find


def test_declined_applications_go_their_own_way(ran, stored):
    """Prepared, validated, cleaned and counted, they lie apart and in no other split."""
    import pyarrow.parquet as pq

    _, truth, _ = ran
    counts = json.loads(stored(layout.report(NAME, PERIOD, "clean")).read_text())
    checks = json.loads(stored(layout.report(NAME, PERIOD, "validate")).read_text())
    keys = {
        split: pq.read_table(stored(layout.cleaned_part(NAME, PERIOD, split, 0)))["loan_id"]
        for split in ("train", "validation", "test", "declined")
    }

    assert counts["cleaned"] == {split: len(found) for split, found in keys.items()}
    assert counts["declined"] == {"prepared": len(keys["declined"]), "quarantined": 0}
    assert all(truth[key][0] for key in keys["declined"].to_pylist())
    for split in ("train", "validation", "test"):
        assert len(keys[split]) > 1000
        assert not any(truth[key][0] for key in keys[split].to_pylist())
    assert checks["failed"] == 0


def test_the_effect_is_filed_and_told(ran, stored):
    """metrics.json, the evidence pack and the summary show it; the live model is the new one.

    The outcomes of the declined, which the stack never saw, are nearer to what it now promises.
    """
    import pyarrow.parquet as pq

    _, truth, said = ran
    prefix = layout.evaluation_prefix(NAME, PERIOD)
    metrics = json.loads(stored(f"{prefix}metrics.json").read_text())
    declined = pq.read_table(stored(layout.cleaned_part(NAME, PERIOD, "declined", 0)))
    tested = [
        truth[key][1]
        for key, day in zip(
            declined["loan_id"].to_pylist(), declined["applied_on"].to_pylist(), strict=True
        )
        if day.isoformat() >= "2024-11"
    ]
    found, bad_rate = metrics["reject_inference"], sum(tested) / len(tested)

    assert found["declined_rows"] == len(tested)
    assert found["odds_factor"] == 2
    assert abs(found["declined_pd_after"] - bad_rate) < 0.85 * abs(
        found["declined_pd_before"] - bad_rate
    )
    assert stored(f"{prefix}reject_inference.png").stat().st_size > 5_000
    pages = {
        name: stored(f"versions/{NAME}/*/evidence/{name}.html").read_text()
        for name in ("validation_report", "model_card", "data_sheet")
    }
    assert "trained too" in pages["validation_report"]
    assert "their odds of default are 2 times" in pages["model_card"]
    assert "Cleaned: declined, without outcome" in pages["data_sheet"]
    assert "the declined trained too, at 2 times their odds" in said
    assert "InService" in said
