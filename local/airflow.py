"""Airflow 3 on this machine: its environment, its processes' commands, its REST API."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

# Each with its options: logs are read from the disk, so nobody serves them to the network.
COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "api-server": (),
    "scheduler": ("--skip-serve-logs",),
    "dag-processor": (),
    "triggerer": ("--skip-serve-logs",),
}
HICCUP_SECONDS = 30


class AirflowRefused(RuntimeError):
    """The REST API answered with an error; the message says which and why."""


def users_from_env() -> tuple[str, ...]:
    """Return the names in `SOLVENCIA_AIRFLOW_USERS`; without them nobody logs in."""
    names = os.environ.get("SOLVENCIA_AIRFLOW_USERS", "").split(",")
    return tuple(name.strip() for name in names if name.strip())


def passwords(home: Path) -> Path:
    """Return the file that Airflow writes its users' passwords to."""
    return home / "simple_auth_manager_passwords.json.generated"


def environment(root: Path, home: Path, port: int, users: Sequence[str] = ()) -> dict[str, str]:
    """Return the `AIRFLOW__*` variables of a local Airflow whose DAGs lie below `root`.

    It listens on 127.0.0.1 only: without `users` everybody is admin. Each user is, too, and has a
    password that Airflow makes up (see `passwords`).
    """
    address = f"http://127.0.0.1:{port}"
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__CORE__DAGS_FOLDER": str(root / "dags"),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(root / "plugins"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": str(not users),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{each}:admin" for each in users),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "10",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


class Client:
    """The part of Airflow's REST API that a run needs, as one user; "" is where nobody logs in."""

    def __init__(self, port: int, home: Path, user: str = "") -> None:
        self.user = user
        self._passwords = passwords(home)
        self.address = f"http://127.0.0.1:{port}"
        self._http = httpx.Client(base_url=self.address, timeout=30, trust_env=False)
        self._token_at = -1e9

    def is_healthy(self) -> bool:
        """Whether API server, scheduler and DAG processor all report healthy."""
        try:
            health = self._http.get("/api/v2/monitor/health").json()
        except (httpx.HTTPError, ValueError):
            return False
        return all(
            health.get(part, {}).get("status") == "healthy"
            for part in ("metadatabase", "scheduler", "dag_processor")
        )

    def call(self, method: str, path: str, **body: Any) -> Any:
        """Call `/api/v2<path>`; raise AirflowRefused unless it succeeds."""
        if time.monotonic() - self._token_at > 600:
            self._http.headers["Authorization"] = f"Bearer {self._token()}"
            self._token_at = time.monotonic()
        answer = self._send(method, f"/api/v2{path}", body)
        if answer.is_error:
            raise AirflowRefused(f"{method} {path}: HTTP {answer.status_code}: {answer.text[:400]}")
        return answer.json() if answer.content else {}

    def _token(self) -> str:
        if self.user:
            password = json.loads(self._passwords.read_text())[self.user]
            login = {"username": self.user, "password": password}
            answer = self._http.post("/auth/token", json=login)
        else:
            answer = self._http.get("/auth/token")
        return str(answer.raise_for_status().json()["access_token"])

    def _send(self, method: str, path: str, body: Any) -> Any:
        """Send a request; what only reads is sent again while a busy server hiccups."""
        deadline = time.monotonic() + HICCUP_SECONDS
        while True:
            is_last = method != "GET" or time.monotonic() > deadline
            try:
                answer = self._http.request(method, path, json=body or None)
            except httpx.TransportError as error:
                if is_last:
                    raise AirflowRefused(f"{method} {path}: {error!r}") from error
            else:
                if is_last or not answer.is_server_error:
                    return answer
            time.sleep(0.5)

    def dag_ids(self) -> set[str]:
        """Return the ids of the DAGs that the DAG processor has parsed."""
        return {each["dag_id"] for each in self.call("GET", "/dags?limit=200")["dags"]}

    def import_errors(self) -> list[str]:
        """Return the files that do not parse, each with its error's last line."""
        found = self.call("GET", "/importErrors")["import_errors"]
        return [f"{e['filename']}: {e['stack_trace'].strip().splitlines()[-1]}" for e in found]

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run this DAG."""
        self.call("PATCH", f"/dags/{dag_id}", is_paused=False)

    def start_run(
        self,
        dag_id: str,
        run_id: str,
        conf: Mapping[str, Any],
        interval: tuple[datetime, datetime] | None = None,
    ) -> str:
        """Trigger a run and return its id; one that is there already is cleared, to run again.

        A data interval has one run: where the schedule has made it, that is the run to clear.
        """
        dates: dict[str, Any] = {"logical_date": None}
        if interval:
            start, end = (each.isoformat() for each in interval)
            dates = {"logical_date": start, "data_interval_start": start, "data_interval_end": end}
        for each in self.call("GET", f"/dags/{dag_id}/dagRuns?limit=500")["dag_runs"]:
            is_same_date = (
                interval
                and each["logical_date"]
                and (datetime.fromisoformat(each["logical_date"]) == interval[0])
            )
            if each["dag_run_id"] == run_id or is_same_date:
                found = str(each["dag_run_id"])
                self.call(
                    "POST",
                    f"/dags/{dag_id}/clearTaskInstances",
                    dry_run=False,
                    dag_run_id=found,
                    only_failed=False,
                    reset_dag_runs=True,
                )
                return found
        self.call("POST", f"/dags/{dag_id}/dagRuns", dag_run_id=run_id, conf=dict(conf), **dates)
        return run_id

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return one run."""
        found: dict[str, Any] = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")
        return found

    def partition_run(
        self, dag_id: str, partition_key: str, since: datetime
    ) -> dict[str, Any] | None:
        """Return the newest run of this partition that was queued at or after `since`."""
        query = f"/dags/{dag_id}/dagRuns?order_by=-run_after&limit=50"
        for each in self.call("GET", query)["dag_runs"]:
            queued = datetime.fromisoformat(each["queued_at"] or each["run_after"])
            if each["partition_key"] == partition_key and queued >= since.astimezone(UTC):
                found: dict[str, Any] = each
                return found
        return None

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of one run, in the order in which they started."""
        found = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=200")
        started = [each for each in found["task_instances"] if each["start_date"]]
        return sorted(started, key=lambda each: str(each["start_date"]))

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> list[str]:
        """Return the log lines of one try."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        content = self.call("GET", f"{path}?full_content=true").get("content") or []
        return [_line(each) for each in content]


def _line(entry: Any) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    text = str(entry.get("event", ""))
    for fault in entry.get("error_detail") or []:
        text += f"\n    {fault.get('exc_type')}: {fault.get('exc_value')}"
    return text
