"""Every DAG: what it is, what it needs to be parsed, and the order of its tasks."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from solvencia import portfolio

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "dags").glob("*.py"))
HEAVY = ("pandas", "numpy", "pyarrow", "sklearn", "great_expectations", "lightgbm", "duckdb")

DEPLOYMENT = [
    "ask",
    "approve",
    "evidence",
    "guard",
    "create_model",
    "create_endpoint_config",
    "endpoint",
    "smoke",
]
ORDER = {
    "ingest": ["ingest", "archive", "crawl", "catalogue"],
    "deliver": ["accept", "archive"],
    "transfer": ["transfer", "accept", "archive"],
    "restore": ["request", "wait", "rebuild"],
    "replay": ["find_decision", "again", "compare"],
    "score_batch": ["check", "score", "report"],
    "build_model": [
        "clear_prepared",
        "prepare",
        "register_table",
        "reconcile",
        "check_reconciled",
        "validate",
        "clean",
        "check_cleaned",
        "train",
        "find_champion",
        "evaluate",
        "register",
        "gate",
        *DEPLOYMENT,
    ],
    "promote": ["find_version", *DEPLOYMENT],
}

PARSE = """
import importlib.util, json, socket, sys
def refuse(*arguments):
    raise OSError("parsing a DAG file must not use the network")
socket.socket.connect = socket.getaddrinfo = refuse
for number, path in enumerate(sys.argv[1:]):
    spec = importlib.util.spec_from_file_location(f"dag_{number}", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
print(json.dumps(sorted(sys.modules)))
"""


def load(path: Path) -> dict[str, Any]:
    from airflow.sdk import DAG

    spec = importlib.util.spec_from_file_location(f"dags_{path.stem}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {each.dag_id: each for each in vars(module).values() if isinstance(each, DAG)}


@pytest.fixture(scope="module")
def dags(settings_in_env: None) -> dict[str, Any]:
    return {dag_id: dag for path in FILES for dag_id, dag in load(path).items()}


def test_every_portfolio_has_its_set_of_dags(dags):
    """A DAG's id is its file's name and the portfolio's."""
    assert set(dags) == {f"{path.stem}_{name}" for path in FILES for name in portfolio.names()}
    assert {path.stem for path in FILES} == set(ORDER)


def test_parsing_needs_no_network_and_no_heavy_module():
    """A DAG file is wiring: it opens no connection and loads no library for data."""
    done = subprocess.run(
        [sys.executable, "-c", PARSE, *map(str, FILES)],
        capture_output=True,
        text=True,
        env=os.environ
        | {"PYTHONPATH": f"{ROOT / 'include'}{os.pathsep}{ROOT / 'plugins'}"}
        | {"HTTPS_PROXY": "http://127.0.0.1:9"},
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("stage", ORDER)
def test_the_tasks_run_in_this_order(dags, stage):
    """Each DAG is one chain: task by task, as listed here."""
    for name in portfolio.names():
        dag = dags[f"{stage}_{name}"]

        assert set(dag.task_ids) == set(ORDER[stage])
        for task, following in zip(ORDER[stage], [*ORDER[stage][1:], None], strict=True):
            downstream = dag.get_task(task).downstream_task_ids
            assert following is None or following in downstream
        assert [task.task_id for task in dag.topological_sort()] == ORDER[stage]


def test_every_task_is_owned_and_retried(dags):
    """Owner, two retries, the retry policy and the e-mail belong to every task."""
    from airflow.providers.amazon.aws.notifications.sns import SnsNotifier

    from solvencia_airflow.retries import CurableFaultsOnly

    for dag in dags.values():
        product = next(
            portfolio.load(name) for name in portfolio.names() if dag.dag_id.endswith(name)
        )
        for task in dag.tasks:
            assert task.owner == product.owner
            assert task.retries >= 2
            assert isinstance(task.retry_policy, CurableFaultsOnly)
            assert isinstance(task.on_failure_callback[0], SnsNotifier)


def test_every_dag_has_its_schedule_and_runbook(dags):
    """Dates are explicit, nothing catches up, and the docs say how to rerun and where to look."""
    starts = {"german_loans": datetime(2020, 11, 1, tzinfo=UTC)}
    for dag in dags.values():
        name = next(each for each in portfolio.names() if each in dag.tags)
        assert dag.start_date == starts.get(name, datetime(2022, 11, 1, tzinfo=UTC))
        assert dag.catchup is False
        assert dag.max_active_runs == 1
        assert "solvencia" in dag.tags
        assert "**Rerun" in dag.doc_md or "**Rerun:**" in dag.doc_md
        assert "When it fails, look first at" in dag.doc_md
        for task in dag.tasks:
            assert f"`{task.task_id}`" in dag.doc_md or task.task_id in (
                "clear_prepared",
                "guard",
                "create_model",
                "create_endpoint_config",
            )


def test_an_ingest_covers_one_whole_month(dags):
    """The data interval of a run is the month, not a moment."""
    from airflow.sdk import CronDataIntervalTimetable

    dag = dags["ingest_consumer_credit"]

    assert dag.end_date == datetime(2026, 10, 31, tzinfo=UTC)
    assert dag.timetable == CronDataIntervalTimetable("@monthly", timezone="UTC")


def test_a_catalogued_month_starts_its_model(dags):
    """The outlet of ingest is the asset that build_model is scheduled by, month for month."""
    from airflow.sdk import Asset, PartitionedAssetTimetable

    catalogue = dags["ingest_consumer_credit"].get_task("catalogue")
    timetable = dags["build_model_consumer_credit"].timetable

    assert catalogue.outlets == [Asset("consumer_credit_catalogued")]
    assert isinstance(timetable, PartitionedAssetTimetable)
    assert timetable.asset_condition == Asset("consumer_credit_catalogued")


def test_dags_survive_serialization(dags):
    """What the scheduler reads back has all tasks, and knows that a policy decides on retries."""
    from airflow.serialization.serialized_objects import DagSerialization

    for dag in dags.values():
        stored = json.loads(json.dumps(DagSerialization.to_dict(dag)))
        restored = DagSerialization.from_dict(stored)

        assert set(restored.task_ids) == set(dag.task_ids)
        assert all(task.has_retry_policy for task in restored.tasks)
        assert all(task.retry_delay == timedelta(seconds=300) for task in restored.tasks)


def test_dag_files_stay_small():
    """Wiring that grows beyond 120 lines holds something that belongs elsewhere."""
    assert {path.name for path in FILES if len(path.read_text().splitlines()) >= 120} == set()


def test_jobs_run_in_two_subnets(dags):
    """Training, evaluation and model carry the VPC's subnets."""
    dag = dags["build_model_consumer_credit"]
    subnets = ["subnet-a", "subnet-b"]

    assert dag.get_task("train").config["VpcConfig"]["Subnets"] == subnets
    assert dag.get_task("evaluate").config["NetworkConfig"]["VpcConfig"]["Subnets"] == subnets
    assert dag.get_task("create_model").config["VpcConfig"]["Subnets"] == subnets


def test_both_ways_to_the_endpoint_are_one(dags):
    """A promotion deploys with the very configurations of a build, from what the guard passed."""
    tasks = ("create_model", "create_endpoint_config", "endpoint")
    configs = [
        [dags[f"{stage}_consumer_credit"].get_task(task).config for task in tasks]
        for stage in ("build_model", "promote")
    ]

    assert configs[0] == configs[1]
    assert "xcom_pull('guard')['version']" in configs[0][0]["ModelName"]
    assert "instance_count" in configs[0][1]["ProductionVariants"][0]["InitialInstanceCount"]


def test_only_a_promotion_may_go_back(dags):
    """The guard of a build refuses an older period, the guard of a promotion does not."""
    guards = [
        dags[f"{stage}_consumer_credit"].get_task("guard") for stage in ("build_model", "promote")
    ]

    assert [each.op_kwargs["may_go_back"] for each in guards] == [False, True]


def test_the_evaluation_reads_model_champion_test_and_training_rows(dags):
    """Each input of the job comes from its own prefix, where the container looks for it."""
    config = dags["build_model_consumer_credit"].get_task("evaluate").config
    inputs = {each["InputName"]: each["S3Input"] for each in config["ProcessingInputs"]}

    assert set(inputs) == {"model", "champion", "test", "train"}
    assert "find_champion" in inputs["champion"]["S3Uri"]
    for name in ("test", "train"):
        assert inputs[name]["S3Uri"].endswith(f"/{name}/")
        assert inputs[name]["LocalPath"] == f"/opt/ml/processing/input/{name}"


def test_the_job_names_fit_sagemaker(dags):
    """A rendered name has at most 63 characters, of letters, digits and hyphens."""
    from jinja2 import Template

    dag = dags["build_model_consumer_credit"]
    run = {"start_date": datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC)}
    names = [
        dag.get_task("train").config["TrainingJobName"],
        dag.get_task("evaluate").config["ProcessingJobName"],
    ]

    rendered = [Template(each).render(dag_run=run, partition_key="2026-10") for each in names]

    assert rendered == [
        "solvencia-consumer-credit-2026-10-261102030405",
        "solvencia-consumer-credit-2026-10-261102030405-evaluate",
    ]


def test_the_mail_names_task_period_fault_and_next_step(dags):
    """A failure's mail says what failed, for which month, why, and where to read on."""
    from jinja2 import Template

    notifier = dags["build_model_consumer_credit"].get_task("train").on_failure_callback[0]
    context = {
        "dag": {"dag_id": "build_model_consumer_credit"},
        "ti": {"task_id": "train" * 20, "try_number": 1, "log_url": "http://airflow/log"},
        "dag_run": {"partition_key": "2026-10", "run_id": "r1"},
        "params": {},
        "exception": ValueError("AlgorithmError: no rows"),
    }

    subject = Template(notifier.subject).render(context)
    message = Template(notifier.message).render(context)

    assert subject.startswith("[Solvencia] build_model_consumer_credit / train")
    assert len(subject) <= 100
    assert subject.isascii()
    assert "Period: 2026-10" in message
    assert "AlgorithmError: no rows" in message
    assert "http://airflow/log" in message
    assert "runbook" in message


def test_a_retry_of_prepare_starts_from_nothing(dags, s3):
    """What a broken UNLOAD left is cleared, no other period's files, and the sources are noted."""
    from types import SimpleNamespace

    from solvencia.settings import Settings

    bucket = Settings.from_env().data_bucket
    s3.create_bucket(Bucket=bucket)
    left = "prepared/consumer_credit/period=2026-10/part=0/broken.parquet"
    other = "prepared/consumer_credit/period=2026-09/part=0/whole.parquet"
    for key in (left, other):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    prepare = dags["build_model_consumer_credit"].get_task("prepare")

    prepare._pre_execute_hook({"dag_run": SimpleNamespace(partition_key="2026-10")})

    found = s3.list_objects_v2(Bucket=bucket)["Contents"]
    noted = "reports/consumer_credit/period=2026-10/sources.json"
    assert [each["Key"] for each in found] == [other, noted]
