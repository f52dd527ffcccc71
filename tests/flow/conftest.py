"""The whole stack on a copy of the tree, so that a test may break a file and repair it."""

import contextlib
import json
import os
import shutil
import socket
import time
from datetime import UTC, date, datetime
from pathlib import Path

import psutil
import pytest

from local import export, warehouse
from local.place import Place
from local.run import MainJob
from local.stack import Stack
from solvencia import layout, portfolio, registry

ROOT = Path(__file__).resolve().parents[2]
TREE = (
    *("dags", "deployment", "expectations", "include", "infra", "lambdas", "local", "locks"),
    *("notebooks", "records", "web"),
)
BORROWERS = 40_000  # enough for the gate's 5,000 out-of-time applications
NAME = "consumer_credit"
PERIOD = "2026-10"
LAST_MONTH = date(2026, 10, 1)
OCTOBER = (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))
BUILD = f"build_model_{NAME}"
REVOKED = "sagemaker:CreateProcessingJob"  # what the story takes away from Airflow for a while
RUN_SECONDS = 400
USERS = ("ana", "ben")
READING_SECONDS = 5
ENDED = ("success", "failed")


class Trial:
    """A running stack, and what a person would do with it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.portfolio = portfolio.load(NAME)
        self.lines: list[str] = []
        self.stack = Stack(place, self.lines.append, BORROWERS)

    @property
    def job(self) -> MainJob:
        """The main job on this stack."""
        return MainJob(self.stack, self.lines.append)

    @property
    def client(self):
        """Airflow's REST API."""
        return self.stack.client

    def aws(self, service):
        """Return a boto3 client."""
        return self.stack.aws(service)

    @property
    def settings(self):
        """Names of the deployed resources."""
        return self.stack.settings

    def deliver(self, delivery, start, end):
        """Export rows of [start, end) from the warehouse into the lender's export folder."""
        connection = warehouse.connect(self.stack.warehouse)
        try:
            return export.write_delivery(
                connection, self.portfolio, self.place.exports / NAME / delivery, start, end
            )
        finally:
            connection.close()

    def land(self, folder):
        """Upload a delivery folder to its landing place."""
        prefix = layout.delivery_prefix(NAME, folder.name)
        for path in folder.iterdir():
            self.aws("s3").upload_file(str(path), self.settings.data_bucket, prefix + path.name)

    def run(self, dag, conf=None, *, run_id="trial", interval=None, partition_key=None):
        """Start a run and wait for its end; return {task id: state}."""
        dag_id = f"{dag}_{NAME}"
        if partition_key:
            run_id = f"{run_id}-{partition_key}-{time.time_ns()}"
            self.client.call(
                "POST",
                f"/dags/{dag_id}/dagRuns",
                dag_run_id=run_id,
                logical_date=None,
                partition_key=partition_key,
                conf=conf or {},
            )
        else:
            run_id = self.client.start_run(dag_id, run_id, conf or {}, interval)
        self.client.unpause(dag_id)
        return self.wait(dag_id, run_id)

    def go_on(self, dag_id, run_id):
        """Clear what failed in a run, as after a repair, and wait again."""
        self.client.call(
            "POST",
            f"/dags/{dag_id}/clearTaskInstances",
            dry_run=False,
            dag_run_id=run_id,
            only_failed=True,
            reset_dag_runs=True,
        )
        return self.wait(dag_id, run_id)

    def clear(self, dag_id, run_id, task_id):
        """Clear a task and all after it, as for another look, and wait again."""
        self.client.call(
            "POST",
            f"/dags/{dag_id}/clearTaskInstances",
            dry_run=False,
            dag_run_id=run_id,
            task_ids=[task_id],
            include_downstream=True,
            only_failed=False,
            reset_dag_runs=True,
        )
        return self.wait(dag_id, run_id)

    def promote(self, version, reason, run_id):
        """Start a promotion without waiting for it; return (DAG id, run id)."""
        dag_id = f"promote_{NAME}"
        self.client.start_run(dag_id, run_id, {"version": version, "reason": reason})
        self.client.unpause(dag_id)
        return dag_id, run_id

    def question(self, dag_id, run_id):
        """Wait until a run asks a person; return the question, once it was there to be read.

        Airflow 3.3.1 takes a task that is answered while its worker still ends for a failed one.
        """
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/ask"
        deadline = time.monotonic() + 60
        while (state := self.client.call("GET", path)["state"]) != "awaiting_input":
            assert time.monotonic() < deadline, f"{dag_id} {run_id} asks nobody: {state}"
            time.sleep(0.3)
        time.sleep(READING_SECONDS)
        return self.client.call("GET", f"{path}/-1/hitlDetails")

    def answer(self, dag_id, run_id, user, choice, reason):
        """Answer, as a user, the question that a run waits with; wait for the run's end."""
        self.question(dag_id, run_id)
        self.stack.client_of(user).call(
            "PATCH",
            f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/ask/-1/hitlDetails",
            chosen_options=[choice],
            params_input={"reason": reason},
        )
        return self.wait(dag_id, run_id)

    def live(self):
        """Return the version on the endpoint."""
        name = self.settings.endpoint(NAME)
        return self.aws("sagemaker").describe_endpoint(EndpointName=name)["EndpointConfigName"]

    def package(self, version):
        """Return a version's record in the registry."""
        return registry.get(self.aws("sagemaker"), self.settings.package_group(NAME), version)

    def wait(self, dag_id, run_id):
        """Wait for the end of a run; return {task id: state}."""
        deadline = time.monotonic() + RUN_SECONDS
        while self.client.run(dag_id, run_id)["state"] not in ENDED:
            assert time.monotonic() < deadline, f"{dag_id} {run_id} did not end"
            time.sleep(0.3)
        found = self.client.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=200")
        return {each["task_id"]: each["state"] for each in found["task_instances"]}

    def built(self, since):
        """Return the id of the model build that the period's asset started after `since`."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if found := self.client.partition_run(f"build_model_{NAME}", PERIOD, since):
                return found["dag_run_id"]
            time.sleep(0.3)
        raise AssertionError("the asset event started no model build")

    @contextlib.contextmanager
    def mails(self):
        """Yield a list that holds, at the end of the block, the texts of the mails it caused."""
        before = set(self.place.mailbox.glob("*.eml"))
        texts: list[str] = []
        yield texts
        deadline = time.monotonic() + 15
        while not (new := set(self.place.mailbox.glob("*.eml")) - before):
            if time.monotonic() > deadline:
                break
            time.sleep(0.2)
        texts += [path.read_text() for path in sorted(new)]

    def sent(self):
        """Return the files of all mails."""
        return list(self.place.mailbox.glob("*.eml"))

    def processes(self):
        """Return every process that works in this stack's folders, containers among them."""
        found = []
        for each in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                traces = [*each.environ().values(), *each.cmdline(), each.cwd()]
                is_ours = any(str(self.place.build) in trace for trace in traces)
                if is_ours and each.status() != psutil.STATUS_ZOMBIE and each.pid != os.getpid():
                    found.append(each)
        return found

    def etags(self, *prefixes):
        """Return {key: ETag} of the data bucket's objects below these prefixes."""
        pages = self.aws("s3").get_paginator("list_objects_v2")
        return {
            item["Key"]: item["ETag"]
            for prefix in prefixes
            for page in pages.paginate(Bucket=self.settings.data_bucket, Prefix=prefix)
            for item in page.get("Contents", [])
        }

    def endpoints(self):
        """Return the names of all endpoints."""
        found = self.aws("sagemaker").list_endpoints()["Endpoints"]
        return {each["EndpointName"] for each in found}

    def break_file(self, name, old, new):
        """Replace a text in a file of the tree; return what repairs it."""
        path = self.place.root / name
        text = path.read_text()
        assert old in text, f"{name} does not hold {old!r}"
        path.write_text(text.replace(old, new, 1))
        return lambda: path.write_text(text)

    def revoke(self, role, action):
        """Take an action out of a role's policies; return what gives it back."""
        iam, given = self.aws("iam"), []
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            name = {"RoleName": role, "PolicyName": policy}
            document = iam.get_role_policy(**name)["PolicyDocument"]
            if action in (text := json.dumps(document)):
                given.append({**name, "PolicyDocument": text})
                iam.put_role_policy(**name, PolicyDocument=text.replace(action, "sts:TagSession"))
        assert given, f"{role} has no right to {action}"
        return lambda: [iam.put_role_policy(**each) for each in given]

    def summary(self):
        """Return the last summary."""
        return json.loads((self.place.results(NAME) / "summary.json").read_text())


def free_port():
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def trial(tmp_path_factory):
    """A stack of its own on a copy of the tree, from nothing; ended at the end.

    Two persons log in; what a test does is done by the first unless it says otherwise.
    """
    folder = tmp_path_factory.mktemp("trial")
    root = folder / "tree"
    for name in (*TREE, "plugins"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / ".venv").symlink_to(ROOT / ".venv")
    downloads = ROOT / "build" / "downloads"
    if downloads.is_dir():
        shutil.copytree(downloads, folder / "build" / "downloads")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOLVENCIA_AIRFLOW_USERS", ",".join(USERS))
        each = Trial(Place(root, folder / "build", free_port(), free_port()))
        try:
            yield each
        finally:
            each.stack.down()
