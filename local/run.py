"""The main job: from nothing to a live, explained credit score, and its summary."""

from __future__ import annotations

import functools
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx

from local import export, warehouse
from local.stack import Stack
from solvencia import deploy, layout

DELIVERY = "history"
RUN_ID = "main_job"
DAGS_SECONDS = 120
RUN_SECONDS = 1800
STILL_RUNNING_SECONDS = 15
FAILED = "Task failed with exception"
LINES_SHOWN = 12
FINAL_TASK = ("success", "failed", "skipped", "upstream_failed", "removed")


class RunFailed(RuntimeError):
    """A DAG run failed; the message names the task, its error and where to read on."""


class MainJob:
    """Drives the running stack as an operator would: through Airflow's API and AWS's."""

    def __init__(self, stack: Stack, say: Callable[[str], None]) -> None:
        self.stack = stack
        self.say = say
        self.portfolio = stack.portfolio
        self.tasks: list[dict[str, Any]] = []
        self._mails = {each.name for each in stack.place.mailbox.glob("*.eml")}

    def run(self) -> None:
        """Bring the history in bulk and the last month by SQL, then wait for the live model."""
        self._await_dags()
        self._hand_over_history()
        name = self.portfolio.name
        start, end = layout.period_bounds(self.period)
        self._follow(f"deliver_{name}", RUN_ID, {"delivery": DELIVERY})
        self.stack.client.unpause(f"build_model_{name}")  # a paused DAG misses its asset's events
        since = datetime.now(UTC)
        midnights = (_midnight(start), _midnight(end))
        self._follow(f"ingest_{name}", RUN_ID, {}, interval=midnights)
        self._watch(f"build_model_{name}", self._built_run(since))

    @functools.cached_property
    def period(self) -> str:
        """The month that comes by SQL: the portfolio's last."""
        return warehouse.last_period(self.stack.warehouse, self.portfolio)

    def score(self) -> dict[str, Any]:
        """Ask the public API about the newest applicant, whose outcome nobody knows yet.

        A lender's own portfolio gives an application of the out-of-time test instead.
        """
        application = warehouse.newest_application(self.stack.warehouse, self.portfolio)
        if application is None:
            application = self._tested_application()
        outputs = self.stack.outputs
        answer = httpx.post(
            f"{outputs['api_url']}/v1/{self.portfolio.name}/score",
            headers={"x-api-key": outputs["api_key"]},
            json=application,
            timeout=30,
            trust_env=False,
        )
        if answer.status_code != httpx.codes.OK:
            raise RunFailed(f"the API answered HTTP {answer.status_code}: {answer.text[:400]}")
        decision: dict[str, Any] = answer.json()
        return decision

    def _tested_application(self) -> dict[str, Any]:
        bucket, s3 = self.stack.settings.data_bucket, self.stack.aws("s3")
        with tempfile.TemporaryDirectory() as scratch:
            return deploy.read_applications(s3, bucket, self.portfolio, self.period, Path(scratch))[
                0
            ]

    def _await_dags(self) -> None:
        wanted = {f"{each}_{self.portfolio.name}" for each in ("deliver", "ingest", "build_model")}
        deadline = time.monotonic() + DAGS_SECONDS
        while not wanted <= self.stack.client.dag_ids():
            if errors := self.stack.client.import_errors():
                raise RunFailed("a DAG file does not parse:\n" + "\n".join(errors))
            if time.monotonic() > deadline:
                raise RunFailed(f"Airflow did not list {sorted(wanted)} in {DAGS_SECONDS} s")
            time.sleep(0.5)

    def _hand_over_history(self) -> None:
        """Export everything before the last month, and lay it at the landing place."""
        first, _ = layout.period_bounds(self.period)
        connection = warehouse.connect(self.stack.warehouse)
        try:
            folder = export.write_delivery(
                connection,
                self.portfolio,
                self.stack.place.exports / self.portfolio.name / DELIVERY,
                self.portfolio.schedule.start,
                first,
            )
        finally:
            connection.close()
        bucket = self.stack.settings.data_bucket
        prefix = layout.delivery_prefix(self.portfolio.name, DELIVERY)
        s3 = self.stack.aws("s3")
        for path in sorted(folder.iterdir(), key=lambda each: each.name == "manifest.json"):
            s3.upload_file(str(path), bucket, prefix + path.name)
        self.say(f"delivery: {folder.name} lies at s3://{bucket}/{prefix}")

    def _follow(
        self,
        dag_id: str,
        run_id: str,
        conf: dict[str, Any],
        interval: tuple[datetime, datetime] | None = None,
    ) -> None:
        """Start a run, and only then let the scheduler at the DAG: it would make its own."""
        started = self.stack.client.start_run(dag_id, run_id, conf, interval)
        self.stack.client.unpause(dag_id)
        self._watch(dag_id, started)

    def _built_run(self, since: datetime) -> str:
        """Return the run that the asset event of this period started."""
        dag_id = f"build_model_{self.portfolio.name}"
        deadline = time.monotonic() + DAGS_SECONDS
        while time.monotonic() < deadline:
            if found := self.stack.client.partition_run(dag_id, self.period, since):
                return str(found["dag_run_id"])
            time.sleep(0.5)
        raise RunFailed(f"{dag_id} did not start for period {self.period}: is its asset updated?")

    def _watch(self, dag_id: str, run_id: str) -> None:
        """Print each task as it ends; raise RunFailed when the run does."""
        seen: set[str] = set()
        deadline = time.monotonic() + RUN_SECONDS
        spoke = time.monotonic()
        while time.monotonic() < deadline:
            self.stack.require_alive()
            state = self.stack.client.run(dag_id, run_id)["state"]
            tasks = self.stack.client.tasks(dag_id, run_id)
            for task in tasks:
                if task["state"] in FINAL_TASK and task["task_id"] not in seen:
                    seen.add(task["task_id"])
                    self.tasks.append(task)
                    self._tell(task)
                    spoke = time.monotonic()
            self.tell_mails()
            if state == "success":
                return
            if state == "failed":
                raise RunFailed(self._failure(dag_id, run_id, tasks))
            running = [each["task_id"] for each in tasks if each["state"] == "running"]
            if running and time.monotonic() - spoke > STILL_RUNNING_SECONDS:
                self.say(f"  {dag_id}: {', '.join(running)} is still running")
                spoke = time.monotonic()
            time.sleep(0.5)
        raise RunFailed(f"{dag_id} did not end within {RUN_SECONDS} s; its UI: {self._ui(dag_id)}")

    def _tell(self, task: dict[str, Any]) -> None:
        seconds = f"{task['duration'] or 0:5.1f} s"
        self.say(f"  {task['dag_id']:<28} {task['task_id']:<20} {task['state']:<8} {seconds}")

    def tell_mails(self) -> None:
        """Print a line for each e-mail that arrived since the last look."""
        mailbox = self.stack.place.mailbox
        for path in sorted(mailbox.glob("*.eml")):
            if path.name not in self._mails:
                self._mails.add(path.name)
                subject = next(
                    (line for line in path.read_text().splitlines() if line.startswith("Subject:")),
                    "",
                )
                self.say(
                    f"  mail: {subject.removeprefix('Subject:').strip()} ({os.path.relpath(path)})"
                )

    def _failure(self, dag_id: str, run_id: str, tasks: list[dict[str, Any]]) -> str:
        failed = [each for each in tasks if each["state"] == "failed"]
        lines = [f"{dag_id} failed at {', '.join(each['task_id'] for each in failed)}"]
        for each in failed:
            log = self.stack.client.log(dag_id, run_id, each["task_id"], each["try_number"])
            lines += [f"  {line}" for line in essence(log)]
        build, account = self.stack.place.build, self.stack.settings.account
        if any("s3://" in line for line in lines):
            lines.append(f"s3://… lies in {os.path.relpath(build / 'aws' / 's3' / account)}/…")
        lines.append(f"logs: {os.path.relpath(build / 'airflow' / 'logs')}")
        return "\n".join(lines)

    def _ui(self, dag_id: str) -> str:
        return f"{self.stack.client.address}/dags/{dag_id}"


def essence(log: list[str]) -> list[str]:
    """Return of a failed task's log what it failed of: from its exception to the next chapter."""
    starts = [place for place, line in enumerate(log) if line.startswith(FAILED)]
    if not starts:
        return [line for line in log if line.strip()][-LINES_SHOWN:]
    ends = [place for place, line in enumerate(log) if line.startswith("::") and place > starts[-1]]
    text = "\n".join(log[starts[-1] : ends[0] if ends else None]).removeprefix(FAILED)
    return [line.strip() for line in text.splitlines() if line.strip()]


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
