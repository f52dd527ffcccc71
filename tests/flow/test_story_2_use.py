"""The story's second part: notebooks, a second portfolio, applicants, records and batches."""

import gzip
import json
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from local import summary, warehouse
from local.run import MainJob
from local.stack import Stack
from solvencia import layout

from . import notebooks
from .conftest import NAME, PERIOD, ROOT


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
