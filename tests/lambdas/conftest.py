"""The zips, a bare Lambda runtime, and the stack deployed into an embedded AWS of its own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from deployment import package

ROOT = Path(__file__).resolve().parents[2]
UV = os.environ.get("UV", str(ROOT / ".venv" / "uv" / "bin" / "uv"))
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py")
START_SECONDS = 60


@dataclass(frozen=True)
class Deployed:
    """A deployed stack: its environment, and its outputs file's content."""

    environment: dict[str, str]
    outputs: dict[str, str]
    dist: Path

    def client(self, service: str) -> Any:
        """Return a boto3 client of the embedded AWS."""
        return boto3.client(
            service,
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def deploy(self, *options: str, is_agreed: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the deployment as its users do."""
        outputs = str(self.dist.parent / "stack.json")
        command = ["-m", "deployment.deploy", "--dist", str(self.dist), "--outputs", outputs]
        command += ["--yes"] if is_agreed else []
        return subprocess.run(
            [sys.executable, *command, *options],
            env=self.environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def score(
        self, body: object, portfolio: str = "consumer_credit", **headers: str
    ) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Send a score request; return status, headers (lower case) and the JSON answer."""
        return self.ask("POST", f"/v1/{portfolio}/score", body, **headers)

    def ask(
        self, verb: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Send a request with the key and as JSON; an empty header is left out."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        given = {"x-api-key": self.outputs["api_key"], "Content-Type": "application/json"}
        named = {**given, **{name.replace("_", "-"): text for name, text in headers.items()}}
        address = urlsplit(self.outputs["api_url"])
        connection = http.client.HTTPConnection(address.netloc, timeout=60)
        sent = {name: text for name, text in named.items() if text}
        connection.request(verb, address.path + path, data, sent)
        with connection.getresponse() as reply:
            found = {name.lower(): text for name, text in reply.getheaders()}
            answer = json.loads(reply.read())
        connection.close()
        return reply.status, found, answer


def destroy(stack: Deployed, *options: str, name: str) -> subprocess.CompletedProcess[str]:
    """Delete another stack of the same embedded AWS, as its users do."""
    return subprocess.run(
        [sys.executable, "-m", "deployment.destroy", "--stack", name, *options],
        env=stack.environment,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def dist() -> Path:
    """The zips, built where they are not up to date."""
    output = ROOT / "build" / "dist"
    package.build_all(output, ROOT / "build" / "wheels", UV, print)
    return output


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter with what AWS's Python runtime has: the standard library and boto3."""
    folder = tmp_path_factory.mktemp("runtime")
    venv.create(folder, symlinks=True, with_pip=False)
    packages = Path(boto3.__file__).parents[1]
    target = next(folder.glob("lib/python3*/site-packages"))
    for name in RUNTIME:
        (target / name).symlink_to(packages / name)
    return folder / "bin" / "python"


@pytest.fixture(scope="session")
def stack(
    dist: Path, bare_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deployed]:
    """The project's templates, deployed into an embedded AWS that ends with the tests."""
    with deployed_stack(dist, bare_python, tmp_path_factory.mktemp("aws")) as found:
        yield found


@contextmanager
def deployed_stack(dist: Path, bare_python: Path, folder: Path) -> Iterator[Deployed]:
    """Deploy the templates into an embedded AWS of this folder, and end it at last."""
    environment = _environment(folder, bare_python)
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "local.aws.server"],
            env=environment,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(environment["AWS_ENDPOINT_URL"], server, log)
        (folder / "dist").symlink_to(dist)
        found = Deployed(environment, {}, folder / "dist")
        options = ["--alert-email", "risk@lender.example"]
        options += ["--agent-activation-key", "A1B2C-D3E4F-G5H6J"]
        options += ["--parameter", "ModelSourceKey=image/source.zip"]
        done = found.deploy(*options)
        assert done.returncode == 0, done.stdout + done.stderr
        yield Deployed(
            environment, json.loads((folder / "stack.json").read_text()), folder / "dist"
        )
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)


def _environment(folder: Path, bare_python: Path) -> dict[str, str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "PYTHON", "SOLVENCIA_"))
    }
    return {
        **kept,
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'include'}",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "GATEWAY_PORT": str(port),
        "SOLVENCIA_EMBEDDED_STATE_DIR": str(folder / "state"),
        "SOLVENCIA_EMBEDDED_MODEL_PYTHON": str(ROOT / ".venv" / "model" / "bin" / "python"),
        "SOLVENCIA_EMBEDDED_LAMBDA_PYTHON": str(bare_python),
    }


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/_ministack/health", timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the embedded AWS did not start:\n{log.read_text()[-4000:]}")
