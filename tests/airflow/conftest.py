"""A warehouse of a few literal rows, and the embedded AWS in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from solvencia import portfolio

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
# Airflow reads these once, when the first test module imports it, which is before any fixture;
# the folder goes when the tests end.
HOME = tempfile.TemporaryDirectory(prefix="airflow-")
os.environ.update(
    AIRFLOW_HOME=HOME.name,
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__PLUGINS_FOLDER=str(ROOT / "plugins"),
    AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags"),
)

SETTINGS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "SOLVENCIA_STACK": "solvencia",
    "SOLVENCIA_ACCOUNT": "000000000000",
    "SOLVENCIA_SUBNETS": "subnet-a,subnet-b",
    "SOLVENCIA_SECURITY_GROUPS": "sg-a",
    "SOLVENCIA_MODEL_IMAGE": "000000000000.dkr.ecr.us-east-1.amazonaws.com/solvencia-model:1",
    "SOLVENCIA_POLL_SECONDS": "1",
}

# table: rows of 2026-10 and, last, one of 2026-09; keys are not in order.
ROWS: dict[str, list[tuple[object, ...]]] = {
    "application": [
        (3, 1003, "2026-10-31"),
        (1, 1001, "2026-10-01"),
        (2, 1002, "2026-10-15"),
        (9, 1009, "2026-09-30"),
    ],
    "applicant": [
        (1002, "2026-10-15", 0, None),
        (1001, "2026-10-01", 44, 2),
        (1003, "2026-10-31", 27, 0),
        (1009, "2026-09-30", 60, 1),
    ],
    "income": [
        (1001, "2026-10-01", 3200.5, 0.31),
        (1002, "2026-10-15", None, 1450.0),
        (1003, "2026-10-31", 2500.0, 0.1),
        (1009, "2026-09-30", 9000.0, 0.4),
    ],
    "bureau": [
        (1, "2026-10-01", 0.25, 0, 0, 0, 5, 1),
        (2, "2026-10-15", 1.5, 98, 98, 98, 2, 0),
        (3, "2026-10-31", 0.0, 1, 0, 0, 8, 2),
        (9, "2026-09-30", 0.9, 0, 0, 0, 3, 0),
    ],
    "performance": [
        (77, "2026-10-20", 1),
        (70, "2026-10-02", 0),
        (66, "2026-09-09", 0),
    ],
}


@pytest.fixture(scope="session", autouse=True)
def settings_in_env() -> Iterator[None]:
    """Give DAG files and tasks the settings of a deployment; restore the environment after."""
    before = dict(os.environ)
    os.environ.update(SETTINGS)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the embedded AWS on a free port; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    state = tmp_path_factory.mktemp("aws")
    environment = ROOT / ".venv"
    with (state / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [str(environment / "embedded" / "bin" / "python"), "-m", "local.aws.server"],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'include'}",
                "GATEWAY_PORT": str(port),
                "SOLVENCIA_EMBEDDED_STATE_DIR": str(state),
                "SOLVENCIA_EMBEDDED_MODEL_PYTHON": str(environment / "model" / "bin" / "python"),
                "SOLVENCIA_EMBEDDED_LAMBDA_PYTHON": str(environment / "model" / "bin" / "python"),
            },
            cwd=ROOT,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _await(address, server, state / "server.log")
        os.environ["AWS_ENDPOINT_URL"] = address
        yield address
    finally:
        os.environ.pop("AWS_ENDPOINT_URL", None)
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)


def _await(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{address}/_ministack/health", timeout=2).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise RuntimeError(f"the embedded AWS did not start:\n{log.read_text()[-3000:]}")


@pytest.fixture
def s3(aws: str) -> Any:
    return boto3.client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    """An empty bucket of the test's own."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def product() -> portfolio.Portfolio:
    return portfolio.load("consumer_credit")


@pytest.fixture
def rows() -> dict[str, list[tuple[object, ...]]]:
    return ROWS


@pytest.fixture
def warehouse(product: portfolio.Portfolio) -> Iterator[sqlite3.Connection]:
    """A SQLite warehouse with ROWS."""
    types = {"integer": "INTEGER", "number": "REAL", "text": "TEXT", "date": "DATE"}
    connection = sqlite3.connect(":memory:")
    for table in product.tables.values():
        columns = ", ".join(f"{name} {types[kind]}" for name, kind in table.columns.items())
        connection.execute(f"CREATE TABLE {table.name} ({columns})")
        marks = ", ".join("?" * len(table.columns))
        connection.executemany(
            f"INSERT INTO {table.name} VALUES ({marks})",  # noqa: S608 - our own names
            ROWS[table.name],
        )
    yield connection
    connection.close()
