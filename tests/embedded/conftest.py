"""One embedded AWS for the session, in a folder of its own, with a tiny model image."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config as ClientConfig

ROOT = Path(__file__).parents[2]
IMAGE = Path(__file__).parent / "container" / "image.py"
START_SECONDS = 60


@dataclass
class Server:
    """A running embedded AWS: its address, its folders, its process."""

    port: int
    folder: Path
    python: Path
    health_seconds: float = 30  # for the start of an interpreter on a loaded machine
    is_iam_enforced: bool = False
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def state(self) -> Path:
        return self.folder / "aws"

    @property
    def exports(self) -> Path:
        return self.state / "exports"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "GATEWAY_PORT": str(self.port),
            "PYTHONPATH": str(ROOT),
            "SOLVENCIA_EMBEDDED_IAM": "enforced" if self.is_iam_enforced else "off",
            "SOLVENCIA_EMBEDDED_STATE_DIR": str(self.state),
            "SOLVENCIA_EMBEDDED_MODEL_PYTHON": sys.executable,
            "SOLVENCIA_EMBEDDED_MODEL_ENTRY": str(IMAGE),
            "SOLVENCIA_EMBEDDED_LAMBDA_PYTHON": str(self.python),
            "SOLVENCIA_EMBEDDED_HEALTH_SECONDS": str(self.health_seconds),
        }

    def start(self) -> Server:
        """Start the server and wait for its ready line."""
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local.aws.server"],
                cwd=self.folder,
                env=self.environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], START_SECONDS)[0]:
            self.process.kill()
            pytest.fail(f"no ready line within {START_SECONDS} s:\n{self.log.read_text()}")
        line = self.process.stdout.readline()
        assert line == f"embedded AWS ready on {self.url}\n", self.log.read_text()
        return self

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End the server and wait until it has ended."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(START_SECONDS)

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=ClientConfig(retries={"total_max_attempts": 1}, proxies={}),
        )


@pytest.fixture(scope="session")
def lambda_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare interpreter: nothing but the standard library."""
    folder = tmp_path_factory.mktemp("lambda")
    venv.create(folder, with_pip=False)
    return folder / "bin" / "python"


@pytest.fixture(scope="session")
def new_server(
    tmp_path_factory: pytest.TempPathFactory, lambda_python: Path
) -> Iterator[Callable[..., Server]]:
    """Makes servers on free ports, not yet started; ends them after the session."""
    made: list[Server] = []

    def make(**options: Any) -> Server:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        folder = tmp_path_factory.mktemp("server")
        made.append(Server(port, folder, lambda_python, **options))
        return made[-1]

    yield make
    for each in made:
        if each.process is not None and each.process.poll() is None:
            each.stop()


@pytest.fixture(scope="session")
def server(new_server: Callable[..., Server]) -> Server:
    """The session's embedded AWS."""
    return new_server().start()


@pytest.fixture(scope="session")
def aws(server: Server) -> Callable[[str], Any]:
    """Gives a boto3 client of a service."""
    return server.client


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., Any]:
    """Asks again until the answer is truthy; fails after `seconds`."""

    def wait(ask: Callable[[], Any], seconds: float = 60) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if answer := ask():
                return answer
            time.sleep(0.05)
        pytest.fail(f"not within {seconds} s")

    return wait
