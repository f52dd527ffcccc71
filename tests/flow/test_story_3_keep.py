"""The story's third part: later months, promotions, losses, roles, stops and restarts."""

import contextlib
import json
import subprocess
import time
from datetime import UTC, date, datetime
from pathlib import Path

import psutil
import pytest

from local import processes
from local.stack import Stack
from solvencia import layout, registry

from .conftest import BUILD, LAST_MONTH, NAME, OCTOBER, PERIOD, REVOKED
from .postgresql import server

TABLES = ("applicant", "application", "bureau", "income", "performance")
CONNECTION = "AIRFLOW_CONN_WAREHOUSE"


def test_a_backfill_fills_the_months_and_leaves_the_newer_model_live(trial):
    """Months built by Airflow's backfill equal a single run; the endpoint stays as it is."""
    periods = ["2026-08", "2026-09"]
    live = trial.summary()["endpoint"]["version"]
    raw = [f"raw/{NAME}/{table}/period={each}/" for table in TABLES for each in periods]
    raw_before = trial.etags(*raw)
    since = datetime.now(UTC)
    trial.client.call(
        "POST",
        "/backfills",
        dag_id=f"ingest_{NAME}",
        from_date="2026-08-01T00:00:00Z",
        to_date="2026-09-01T00:00:00Z",
        max_active_runs=1,
        reprocess_behavior="completed",
        run_backwards=False,
        dag_run_conf={},
    )
    states = {}
    deadline = time.monotonic() + 300
    while set(states) != set(periods) and time.monotonic() < deadline:
        for each in periods:
            if found := trial.client.partition_run(BUILD, each, since):
                states[each] = trial.wait(BUILD, found["dag_run_id"])
        time.sleep(0.5)
    cleaned = [f"cleaned/{NAME}/period={each}/" for each in periods]
    filled = trial.etags(*cleaned)

    single = trial.run("build_model", partition_key=periods[0])

    now = trial.aws("sagemaker").describe_endpoint(EndpointName=trial.settings.endpoint(NAME))
    assert [states[each]["guard"] for each in periods] == ["success", "success"]
    assert [states[each]["endpoint"] for each in periods] == ["skipped", "skipped"]
    assert now["EndpointConfigName"] == live
    assert len(raw_before) == len(TABLES) * len(periods)
    assert trial.etags(*raw) == raw_before
    assert len(filled) == 2 * 3 * trial.portfolio.split.parts
    assert trial.etags(*cleaned) == filled
    assert single["gate"] == "success"


def test_a_refused_model_is_registered_and_stays_off(trial):
    """Under a bound that no model meets a month is rejected with a mail; the endpoint stays."""
    live = trial.live()
    refused = trial.client.partition_run(BUILD, "2026-08", datetime(2026, 1, 1, tzinfo=UTC))
    before = registered(trial, "2026-08")
    repair = trial.break_file(
        f"include/solvencia/portfolios/{NAME}/portfolio.toml", "auc_min = 0.80", "auc_min = 0.99"
    )

    with trial.mails() as mails:
        states = trial.clear(BUILD, refused["dag_run_id"], "register")
    repair()

    package = registered(trial, "2026-08")
    assert (before.status, package.status) == ("Approved", "Rejected")
    assert package.arn == before.arn
    assert package.metadata["refusals_count"] == "1"
    assert states["gate"] == "failed"
    assert states["ask"] == "upstream_failed"
    assert trial.live() == live
    assert len(mails) == 1
    for text in (
        f"{BUILD} / gate failed",
        f"{NAME} 2026-08",
        package.version,
        "below auc_min 0.99",
    ):
        assert text in mails[0].replace("=\n", "")


def test_an_override_takes_a_reason_and_a_second_person(trial):
    """Who asks for it may not answer; another person's approval puts the version live."""
    refused = registered(trial, "2026-08").version
    with trial.mails() as hasty:
        without_reason = trial.wait(*trial.promote(refused, "please", "hasty"))
    run = trial.promote(refused, "The branches need it until the next month is built", "override")

    with trial.mails() as asked:
        question = trial.question(*run)
    with trial.mails() as mails:
        by_owner = trial.answer(*run, "ana", "Approve", "I have looked at it myself, it is fine")
    trial.client.call(
        "POST",
        f"/dags/{run[0]}/clearTaskInstances",
        dry_run=False,
        dag_run_id=run[1],
        only_failed=True,
        reset_dag_runs=True,
    )
    by_other = trial.answer(*run, "ben", "Approve", "Looked at the report, the loss is bearable")

    assert without_reason["find_version"] == "failed"
    assert "at least 20 characters" in hasty[0].replace("=\n", "")
    assert without_reason["ask"] == "upstream_failed"
    assert "waits for an answer" in asked[0]
    assert question["subject"] == f"Override the rejection of {refused} of {NAME}?"
    assert "status **Rejected**" in question["body"]
    assert "Started by ana, who may not answer" in question["body"]
    assert question["params"]["reason"]["value"] == ""
    assert by_owner["ask"] == "failed"
    assert "ana started this run" in mails[0].replace("=\n", "")
    assert set(by_other.values()) == {"success"}
    assert trial.live() == refused
    package = trial.package(refused)
    assert package.status == "Approved"
    assert package.metadata["approval"] == "override"
    assert package.metadata["approved_by"] == "ben"


def test_an_older_or_newer_version_comes_back(trial):
    """The first model is put back by hand, nobody is asked, and it answers."""
    first = trial.summary()["endpoint"]["version"]

    states = trial.wait(*trial.promote(first, "The override has ended", "back"))

    assert set(states.values()) == {"success"}
    assert trial.live() == first
    assert 0 < trial.job.score()["pd"] < 1


def registered(trial, period):
    """Return the one version of a period that is registered."""
    group = trial.settings.package_group(NAME)
    found = [
        each["ModelPackageDescription"]
        for each in registry.list_versions(trial.aws("sagemaker"), group)
        if layout.version_period(each["ModelPackageDescription"]) == period
    ]
    assert len(found) == 1
    return trial.package(found[0])


def test_files_come_in_through_datasync_as_well(trial):
    """A delivery is copied from the export folder, and gives the raw bytes that SQL gave."""
    folder = trial.deliver("october", LAST_MONTH, date(2026, 11, 1))
    partition = f"raw/{NAME}/application/period={PERIOD}/"
    before = trial.etags(partition)

    states = trial.run("transfer", {"delivery": "october"})

    landed = trial.etags(layout.delivery_prefix(NAME, "october"))
    assert set(states.values()) == {"success"}
    assert {Path(key).name for key in landed} == {path.name for path in folder.iterdir()}
    assert trial.etags(partition) == before


def test_a_lost_month_comes_back_from_the_archive(trial):
    """What was deleted from raw is restored from Glacier, byte for byte."""
    period = "2025-01"
    keys = [f"raw/{NAME}/{table}/period={period}/" for table in trial.portfolio.tables]
    keys.append(layout.raw_manifest(NAME, period))
    before = trial.etags(*keys)
    for key in before:
        trial.aws("s3").delete_object(Bucket=trial.settings.data_bucket, Key=key)

    states = trial.run("restore", {"period": period})

    assert set(states.values()) == {"success"}
    assert len(before) == len(trial.portfolio.tables) + 1
    assert trial.etags(*keys) == before


def test_every_component_kept_to_its_role(trial):
    """Nothing was refused or went unjudged, and no role holds an idle right without a reason."""
    calls = trial.place.build / "aws" / "calls.jsonl"
    noted = [json.loads(line) for line in calls.read_text().splitlines()]

    done = subprocess.run(
        [trial.place.python("airflow"), "-m", "deployment.permissions", str(calls)],
        cwd=trial.place.root,
        env=trial.stack.environment(),
        capture_output=True,
        text=True,
    )

    bad = [each for each in noted if each["decision"] != "allowed" and each["action"] != REVOKED]
    roles = {each["role"].removeprefix("solvencia-") for each in noted}
    assert bad == []
    assert done.returncode == 0, done.stdout
    assert {"airflow", "sagemaker", "clean-lambda", "clean-states", "score-lambda"} <= roles
    assert {
        "batch-states",
        "format-lambda",
        "notebook",
        "notebook-training",
        "replay",
        f"{NAME.replace('_', '-')}-transfer",
    } <= roles


def test_everything_stops_and_a_new_start_keeps_model_and_data(trial):
    """Only 127.0.0.1 listens, `down` leaves no process, `up` brings the endpoint back."""
    running = trial.processes()
    heard = set()
    for each in running:
        with contextlib.suppress(psutil.NoSuchProcess):  # a worker may end meanwhile
            heard |= {
                connection.laddr.ip
                for connection in each.net_connections("tcp")
                if connection.status == psutil.CONN_LISTEN
            }

    trial.stack.down()

    assert len(running) > len(processes.recorded(trial.place.record)) + 2
    assert heard == {"127.0.0.1"}
    assert trial.processes() == []
    trial.stack.up()
    assert 0 < trial.job.score()["pd"] < 1


def test_postgresql_serves_as_the_warehouse(trial, monkeypatch):
    """The same DAG reads the same rows out of PostgreSQL, and raw has the same bytes."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL's server is not installed: apt-get install postgresql")
    before = trial.etags(f"raw/{NAME}/")
    trial.stack.down()
    with server(found[-1].parent) as port:
        connection = f"postgres://lender@127.0.0.1:{port}/postgres"
        monkeypatch.setenv(CONNECTION, connection)
        trial.stack = Stack(trial.place, trial.lines.append, trial.stack.borrowers)
        trial.stack.up()
        trial.client.call("PATCH", f"/dags/{BUILD}", is_paused=True)
        states = trial.run("ingest", interval=OCTOBER)
        after = trial.etags(f"raw/{NAME}/")

    monkeypatch.delenv(CONNECTION)
    assert set(states.values()) == {"success"}
    assert after == before


def test_a_killed_stack_recovers_by_starting_from_nothing(trial, monkeypatch):
    """After kill -9 the next start says so, cleans up, and comes up whole, now without log-in."""
    monkeypatch.delenv("SOLVENCIA_AIRFLOW_USERS")
    aws = psutil.Process(processes.recorded(trial.place.record)[0].pid)
    aws.kill()
    aws.wait(timeout=10)
    trial.stack = Stack(trial.place, trial.lines.append, trial.stack.borrowers)

    trial.stack.up()

    assert any("not stopped cleanly" in line for line in trial.lines)
    assert trial.stack.is_up
    assert trial.client.import_errors() == []
    assert trial.etags("raw/") == {}
