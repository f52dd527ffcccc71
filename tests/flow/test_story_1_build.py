"""The story's first part: from a fresh stack and its faults to a live score.

A stack takes half a minute to start, so all parts share one, in order, and build upon another.
"""

import time
from datetime import UTC, date, datetime
from pathlib import Path

from local import summary, warehouse
from solvencia import layout, portfolio, version

from .conftest import BUILD, LAST_MONTH, NAME, OCTOBER, PERIOD, REVOKED

DAGS = (
    *("build_model", "deliver", "ingest", "promote", "replay", "restore", "score_batch"),
    "transfer",
)
FIRST_DAY = date(2022, 11, 1)


def test_a_fresh_stack_comes_up(trial):
    """Embedded AWS, templates, warehouse and Airflow start from nothing, and all DAGs parse."""
    trial.stack.up()
    deadline = time.monotonic() + 60
    while (
        len(trial.client.dag_ids()) < len(DAGS) * len(portfolio.names())
        and time.monotonic() < deadline
    ):
        time.sleep(0.3)

    assert trial.client.import_errors() == []
    assert trial.client.dag_ids() == {
        f"{each}_{name}" for each in DAGS for name in portfolio.names()
    }


def test_a_damaged_delivery_is_refused_and_the_repaired_one_accepted(trial):
    """A wrong checksum fails `accept` with a mail, writes no partition, and a rerun completes."""
    folder = trial.deliver("history", FIRST_DAY, LAST_MONTH)
    trial.land(folder)
    key = layout.delivery_prefix(NAME, "history") + "income.csv.gz"
    content = (folder / "income.csv.gz").read_bytes()
    trial.aws("s3").put_object(
        Bucket=trial.settings.data_bucket, Key=key, Body=content[:-1] + bytes([content[-1] ^ 1])
    )

    with trial.mails() as mails:
        refused = trial.run("deliver", {"delivery": "history"})
    raw_after_refusal = trial.etags("raw/", "manifests/")
    trial.land(folder)
    accepted = trial.run("deliver", {"delivery": "history"})

    assert refused == {"accept": "failed", "archive": "upstream_failed"}
    assert len(mails) == 1
    assert "income.csv.gz" in mails[0]
    assert "SHA-256" in mails[0]
    assert raw_after_refusal == {}
    assert set(accepted.values()) == {"success"}
    assert len(trial.etags("manifests/")) == 47


def test_a_lost_column_in_the_warehouse_stops_the_month_until_it_is_back(trial):
    """`ingest` names table and column, nothing of the month is written, the rerun completes."""
    connection = warehouse.connect(trial.stack.warehouse)
    connection.execute("ALTER TABLE bureau RENAME COLUMN open_credit_lines_count TO lines_count")
    connection.commit()

    with trial.mails() as mails:
        refused = trial.run("ingest", interval=OCTOBER)
    raw_after_refusal = trial.etags(f"manifests/{NAME}/raw/period={PERIOD}")
    connection.execute("ALTER TABLE bureau RENAME COLUMN lines_count TO open_credit_lines_count")
    connection.commit()
    connection.close()

    assert refused["ingest"] == "failed"
    assert set(refused.values()) == {"failed", "upstream_failed"}
    assert "bureau" in mails[0]
    assert "open_credit_lines_count" in mails[0]
    assert raw_after_refusal == {}


def test_each_broken_stage_stops_the_run_there_until_it_is_repaired(trial):
    """SQL, suite, Lambda, training, a right and serving break at their stage; a rerun goes on."""
    repairs = {
        "prepare": trial.break_file(
            f"include/solvencia/portfolios/{NAME}/prepare.sql", "a.application_id,", "a.nowhere,"
        ),
        "validate": trial.break_file(
            f"expectations/{NAME}/prepared.json",
            '"value_set": [\n          0,\n          1\n',
            '"value_set": [\n          0\n',
        ),
        "clean": trial.break_file(
            "lambdas/clean/handler.py", "cleaned_part.clean_part(", "cleaned_part.lost("
        ),
        "train": trial.break_file("include/solvencia/container/train.py", "def run(", "def lost("),
        "evaluate": trial.revoke("solvencia-airflow", REVOKED),
        "endpoint": trial.break_file(
            "include/solvencia/container/serve.py", "def run(", "def lost("
        ),
    }
    trial.stack.deploy()
    trial.client.unpause(BUILD)
    since = datetime.now(UTC)
    ingested = trial.run("ingest", interval=OCTOBER)
    run_id = trial.built(since)

    stopped, mailed = [], []
    with trial.mails() as mails:
        states = trial.wait(BUILD, run_id)
    for stage, repair in repairs.items():
        failed = [task for task, state in states.items() if state == "failed"]
        later = [task for task, state in states.items() if state == "upstream_failed"]
        stopped.append((stage, failed, bool(later) or stage == "smoke"))
        mailed.append(any(f"{BUILD} / {stage} failed" in each for each in mails))
        repair()
        if stage == "clean":
            trial.stack.deploy()
        with trial.mails() as mails:
            states = trial.go_on(BUILD, run_id)

    assert set(ingested.values()) == {"success"}
    assert stopped == [(stage, [stage], True) for stage in repairs]
    assert mailed == [True] * len(repairs)
    assert set(states.values()) == {"success"}
    assert any("solvencia-clean-errors" in each.read_text() for each in trial.sent())
    said = "".join(each.read_text().replace("=\n", "") for each in trial.sent())
    assert f"solvencia-airflow/airflow-env is not authorized to perform: {REVOKED}" in said


def test_the_main_job_reconciles_and_changes_nothing_that_was_made(trial):
    """Every row is accounted for, the endpoint has two instances, and a score has its reasons.

    It runs over what the repaired run made: same partitions, same bytes, same model, one endpoint.
    """
    kept = ("raw/", "manifests/", "cleaned/", "quarantine/", "reports/")
    before, made = trial.etags(*kept), trial.package(trial.live())
    job = trial.job

    job.run()

    facts = summary.collect(job)
    summary.require_reconciled(facts)
    summary.write(facts, trial.place.results(NAME) / "summary.json")
    assert trial.etags(*kept) == before
    assert trial.endpoints() == {trial.settings.endpoint(NAME)}
    assert facts["model"]["digest"] == made.metadata["digest"]
    assert [each["name"] for each in facts["stages"]] == [*summary.STAGES, "score"]
    assert facts["endpoint"]["instances"] == 2
    assert facts["registry"] == {
        "version": facts["endpoint"]["version"],
        "status": "Approved",
        "approval": "automatic",
    }
    known = version.read_facts(trial.aws("s3"), trial.settings, NAME, facts["registry"]["version"])
    assert known["approval"]["triggered_by"].endswith("(ana)")  # who started the ingest
    assert facts["model"]["metrics"]["auc"] > 0.8
    assert 0 < facts["decision"]["pd"] < 1
    assert len(facts["decision"]["reasons"]) >= 3
    assert len(facts["plots"]) >= 3
    assert all(Path(each).stat().st_size > 10_000 for each in facts["plots"])
    assert Path(facts["report"]).read_text().startswith("<!DOCTYPE html>")
    assert summary.render(facts).count("R0") >= 3
