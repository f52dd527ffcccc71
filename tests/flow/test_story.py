"""One story in order: from a fresh stack and its faults to a live score, reruns and restarts.

A stack takes half a minute to start, so the tests share one and build upon another.
"""

import contextlib
import gzip
import json
import subprocess
import time
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import psutil
import pytest

from local import processes, summary, warehouse
from local.run import MainJob
from local.stack import Stack
from solvencia import layout, portfolio, registry, version

from . import notebooks
from .conftest import NAME, PERIOD, ROOT
from .postgresql import server

BUILD = f"build_model_{NAME}"
FIRST_DAY, LAST_MONTH = date(2022, 11, 1), date(2026, 10, 1)
TABLES = ("applicant", "application", "bureau", "income", "performance")
OCTOBER = (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
RAN = ("success", "failed")
DAGS = (
    *("build_model", "deliver", "ingest", "promote", "replay", "restore", "score_batch"),
    "transfer",
)
CONNECTION = "AIRFLOW_CONN_WAREHOUSE"
REVOKED = "sagemaker:CreateProcessingJob"


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


def test_the_main_job_reconciles_and_gives_a_live_score(trial):
    """Every row is accounted for, the endpoint has two instances, and a score has its reasons."""
    job = trial.job
    job.run()
    facts = summary.collect(job)
    summary.require_reconciled(facts)
    summary.write(facts, trial.place.results(NAME) / "summary.json")

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


def test_a_second_run_changes_nothing(trial):
    """Same partitions, same bytes in raw and cleaned, same model, one endpoint."""
    kept = ("raw/", "manifests/", "cleaned/", "quarantine/", "reports/")
    before, digest = trial.etags(*kept), trial.summary()["model"]["digest"]
    job = trial.job

    job.run()

    facts = summary.collect(job)
    endpoints = trial.aws("sagemaker").list_endpoints()["Endpoints"]
    assert trial.etags(*kept) == before
    assert facts["model"]["digest"] == digest
    assert [each["EndpointName"] for each in endpoints] == [trial.settings.endpoint(NAME)]


def test_the_notebook_of_the_lake_counts_what_the_warehouse_holds(trial):
    """Rows of every table by Athena are the warehouse's; the prepared are those that matured."""
    connection = warehouse.connect(trial.stack.warehouse)
    held = warehouse.row_counts(connection, trial.portfolio)
    connection.close()

    rows, prepared, bins = notebooks.run(
        trial,
        "1_explore_the_lake",
        "[rows.set_index('raw_table')['rows_held'].to_dict(),"
        " months['applications'].sum(), bins.groupby('field')['applications'].sum().to_dict()]",
    )

    assert rows == held
    assert prepared == trial.summary()["prepared"]["prepared"]
    assert set(bins) == {each.name for each in trial.portfolio.request_fields}
    assert all(0.5 * prepared < each <= prepared for each in bins.values())
    assert notebooks.plots(trial, "1_explore_the_lake") == 3


def test_the_notebooks_of_the_models_show_the_live_version(trial):
    """Explained and compared is the model on the endpoint, with the figures it was judged by."""
    facts = trial.summary()

    version_name, digest, tested, codes = notebooks.run(
        trial,
        "2_explain_a_model",
        "[name, model.digest, len(points), [each.code for each in reasons]]",
    )
    auc, rival, moved = notebooks.run(
        trial,
        "3_compare_champions",
        "[figures.query(\"metric == 'AUC'\")['value'].iloc[0], rival.digest,"
        " [int(counts.to_numpy().sum()), float(apart.difference)]]",
    )

    assert version_name == facts["endpoint"]["version"]
    assert digest == facts["model"]["digest"]
    assert tested == moved[0] == facts["cleaned"]["cleaned"]["test"]
    assert len(codes) == 4
    assert auc == pytest.approx(facts["model"]["metrics"]["auc"], abs=1e-12)
    assert rival != digest
    assert moved[1] != 0
    assert notebooks.plots(trial, "2_explain_a_model") == 3
    assert notebooks.plots(trial, "3_compare_champions") == 3


def test_the_notebook_trains_the_same_model_and_scores_as_the_api_does(trial):
    """The SDK's job gives the live digest, the endpoint the API's score; nothing is left."""
    digest, application, score, made = notebooks.run(
        trial,
        "4_train_and_call",
        "[model.digest, application, score, [made, left]]",
    )

    answer = httpx.post(
        f"{trial.stack.outputs['api_url']}/v1/{NAME}/score",
        json=application,
        headers={"x-api-key": trial.stack.outputs["api_key"]},
        timeout=30,
    ).json()
    kept = trial.aws("s3").list_objects_v2(
        Bucket=trial.settings.model_bucket, Prefix=layout.notebook_output(NAME)
    )
    assert digest == trial.summary()["model"]["digest"] == answer["model"]["digest"]
    assert (score["pd"], score["points"]) == (answer["pd"], answer["points"])
    assert [each["code"] for each in score["reasons"]] == [
        each["code"] for each in answer["reasons"]
    ]
    assert len(made[0]) == 1
    assert made[1] == []
    assert kept.get("KeyCount", 0) == 0
    assert notebooks.plots(trial, "4_train_and_call") == 1


def test_a_second_portfolio_runs_whole_beside_the_first(trial):
    """Text features go from another warehouse to a live score; the first stays as it was."""
    before = trial.etags(f"raw/{NAME}/", f"cleaned/{NAME}/")
    endpoints_before = trial.endpoints()
    job = MainJob(Stack(trial.place, trial.lines.append, name="german_loans"), trial.lines.append)

    job.stack.up()
    job.run()

    facts = summary.collect(job)
    summary.require_reconciled(facts)
    outputs = trial.stack.outputs
    refused = httpx.post(
        f"{outputs['api_url']}/v1/german_loans/score",
        json={"housing": "castle"},
        headers={"x-api-key": outputs["api_key"]},
        timeout=30,
    )
    assert facts["tables"]["application"]["raw"] == 1000
    assert facts["model"]["metrics"]["auc"] > 0.65
    assert 0 < facts["decision"]["pd"] < 1
    assert "free, rented, owned" in refused.json()["problems"]["housing"]
    assert trial.endpoints() == {*endpoints_before, trial.settings.endpoint("german_loans")}
    assert trial.etags(f"raw/{NAME}/", f"cleaned/{NAME}/") == before


@pytest.mark.parametrize(
    ("key", "body", "status", "said"),
    [
        (True, "{", 400, "JSON"),
        (False, "{}", 403, ""),
        (True, '{"monthly_income_usd": "much"}', 422, "monthly_income_usd"),
    ],
)
def test_the_api_refuses_what_it_should(trial, key, body, status, said):
    """Broken JSON, a missing key and a bad field each get their own answer."""
    outputs = trial.stack.outputs
    headers = {"content-type": "application/json"}
    if key:
        headers["x-api-key"] = outputs["api_key"]

    answer = httpx.post(
        f"{outputs['api_url']}/v1/{NAME}/score", content=body, headers=headers, timeout=30
    )

    assert answer.status_code == status
    assert said in answer.text


def test_a_person_applies_by_the_form_in_both_languages(trial, tmp_path):
    """In a real Chromium the deployed form gets decisions with reasons; both are in the log."""
    python = ROOT / ".venv" / "web" / "bin" / "python"
    address = f"{trial.stack.outputs['api_url']}/apply/{NAME}"

    visit = subprocess.run(
        [python, "-m", "tests.web.visit", address, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert visit.returncode == 0, visit.stderr
    english, spanish = json.loads(visit.stdout)
    assert (english["language"], spanish["language"]) == ("en", "es")
    assert english["points"].split()[0] == spanish["points"].split()[0]
    for each in (english, spanish):
        assert each["reasons"]
        found = trial.aws("dynamodb").get_item(
            TableName=trial.settings.decisions_table,
            Key={"decision_id": {"S": each["decision_id"]}},
        )
        assert found["Item"]["portfolio"]["S"] == NAME
    assert {each.name for each in tmp_path.glob("*.png")} == {
        f"{part}_{language}.png"
        for part in ("form", "decision", "letter")
        for language in ("en", "es")
    }


def records(trial, *arguments):
    """Run a command on the log as `make replay` and its like do; return what it came to."""
    return subprocess.run(
        [trial.place.python("model"), "-m", "records", *arguments],
        cwd=trial.place.build,
        env=trial.stack.environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_decision_replays_to_the_last_bit_until_its_person_is_erased(trial):
    """The DAG and the command make it once more; without the person's key they say so."""
    outputs, person = trial.stack.outputs, "trial-17"
    application = warehouse.newest_application(trial.stack.warehouse, trial.portfolio)
    decision = httpx.post(
        f"{outputs['api_url']}/v1/{NAME}/score",
        json=application,
        headers={"x-api-key": outputs["api_key"], "X-Person-Id": person},
        timeout=30,
    ).json()
    name = decision["decision_id"]

    tasks = trial.run("replay", {"decision_id": name}, run_id="replay")
    replayed = json.load(
        trial.aws("s3").get_object(
            Bucket=trial.settings.model_bucket,
            Key=layout.replay_prefix(NAME, name) + "replay.json",
        )["Body"]
    )
    again = records(trial, "replay", name)
    letter = records(trial, "letter", name, "--language", "es")
    exported = records(trial, "export", person)
    unconfirmed = records(trial, "erase", person)
    erased = records(trial, "erase", person, "--confirm", person)
    impossible = records(trial, "replay", name)
    found = records(trial, "find", person)

    assert set(tasks.values()) == {"success"}
    assert (replayed["status"], replayed["missing"], replayed["notes"]) == ("reproduced", [], [])
    assert again.returncode == 0, again.stdout + again.stderr
    assert name in Path(trial.place.build / letter.stdout.strip()).read_text()
    folder = trial.place.build / "build" / "records"
    copy = json.loads((folder / f"person-{person}.json").read_text())
    assert copy["decisions"][0]["input"] == application
    assert exported.returncode == 0, exported.stderr
    assert (unconfirmed.returncode, erased.returncode) == (1, 0)
    assert impossible.returncode == 1
    assert "the input: the person's key was destroyed" in impossible.stdout
    assert name in found.stdout


def test_a_batch_accounts_for_every_row_of_its_file(trial):
    """Good rows are scored as the API scores them, bad rows lie beside them under their numbers."""
    names = [each.name for each in trial.portfolio.request_fields]
    good = {**dict.fromkeys(names, 1), "monthly_income_usd": 4200}
    rows = [good, {**good, "debt_ratio": "much"}, good, {**good, "open_credit_lines_count": -1}]
    text = [
        ",".join([*names, "loan"]),
        *(",".join(map(str, [*each.values(), "L"])) for each in rows),
    ]
    trial.aws("s3").put_object(
        Bucket=trial.settings.data_bucket,
        Key=layout.batch_inbox(NAME) + "offers.csv",
        Body="\n".join([*text, "1,1"]).encode(),
    )
    states = trial.run("score_batch", {"file": "offers.csv"}, run_id="offers")
    prefix, results = f"batches/{NAME}/", {}
    pages = trial.aws("s3").get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=trial.settings.data_bucket, Prefix=prefix):
        for each in page["Contents"]:
            if "/result/" in each["Key"]:
                results[each["Key"].rsplit("/", 1)[1]] = (
                    trial.aws("s3")
                    .get_object(Bucket=trial.settings.data_bucket, Key=each["Key"])["Body"]
                    .read()
                )
    summary = json.loads(results["summary.json"])
    scored, bad = (
        [json.loads(line) for line in gzip.decompress(results[name]).splitlines()]
        for name in ("scored.jsonl.gz", "bad_rows.jsonl.gz")
    )
    answer = httpx.post(
        f"{trial.stack.outputs['api_url']}/v1/{NAME}/score",
        json=good,
        headers={"x-api-key": trial.stack.outputs["api_key"]},
        timeout=30,
    ).json()

    assert set(states.values()) == {"success"}
    assert [each["row"] for each in scored] == [1, 3]
    assert {each["row"]: list(each["problems"]) for each in bad} == {
        2: ["debt_ratio"],
        4: ["open_credit_lines_count"],
        5: ["row"],
    }
    assert (summary["rows_in"], summary["scored"], summary["bad"]) == (5, 2, 3)
    assert summary["model"]["digest"] == answer["model"]["digest"]
    assert summary["ignored_fields"] == ["loan"]
    assert {(each["pd"], each["points"]) for each in scored} == {(answer["pd"], answer["points"])}
    assert [each["code"] for each in scored[0]["reasons"]] == [
        each["code"] for each in answer["reasons"]
    ]


def test_a_batch_scores_the_rows_of_a_query(trial):
    """A query sent to the API runs in Athena; each of its rows is in the result."""
    address = f"{trial.stack.outputs['api_url']}/v1/{NAME}/batches"
    key = {"x-api-key": trial.stack.outputs["api_key"]}
    fields = ", ".join(each.name for each in trial.portfolio.request_fields)
    query = f"SELECT {fields} FROM prepared WHERE period = '{PERIOD}'"  # noqa: S608
    started = httpx.post(address, json={"query": query}, headers=key, timeout=30)
    stolen = httpx.post(
        address, json={"query": "SELECT * FROM other.people"}, headers=key, timeout=30
    )
    asked = f"{address}/{started.json()['batch_id']}"
    found = {"status": "running"}
    deadline = time.monotonic() + 180
    while found["status"] == "running" and time.monotonic() < deadline:
        time.sleep(2)
        found = httpx.get(asked, headers=key, timeout=30).json()
    prepared = trial.summary()["prepared"]["prepared"]

    assert (started.status_code, stolen.status_code) == (202, 422), started.text + stolen.text
    assert found["status"] == "done", found
    assert found["rows_in"] == found["scored"] + found["bad"] == prepared


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
