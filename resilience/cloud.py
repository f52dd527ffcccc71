"""An embedded AWS of our own with the stack deployed, for as long as a drill."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3

from local.place import Place
from solvencia.settings import Settings

WAIT_SECONDS = 300
REGION = "us-east-1"
TRIES, PAUSE_SECONDS = 40, 0.5

type Say = Callable[[str], None]


class CloudFault(RuntimeError):
    """The embedded AWS, the deployment or a model did not come up; the message shows its log."""


@dataclass(frozen=True)
class Answer:
    """What the API answered; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """The body's value; ValueError where it is no JSON."""
        return json.loads(self.content)


@dataclass(frozen=True)
class Cloud:
    """A deployed stack; `outputs` as the deployment writes them."""

    address: str
    outputs: Mapping[str, str]

    @property
    def settings(self) -> Settings:
        """The names of the deployed resources."""
        return Settings(self.outputs["SOLVENCIA_STACK"], self.outputs["SOLVENCIA_ACCOUNT"], REGION)

    def client(self, service: str) -> Any:
        """Return a boto3 client of the embedded AWS."""
        return boto3.client(service, endpoint_url=self.address, **_credentials())

    def environment(self) -> dict[str, str]:
        """Return what the score function finds in its environment."""
        known = {key: value for key, value in self.outputs.items() if key.startswith("SOLVENCIA_")}
        return {
            **known,
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": REGION,
        }

    def ask(
        self,
        verb: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        seconds: float = 60,
    ) -> Answer:
        """Send one request to the API with its key; OSError or HTTPException where it is cut."""
        address = urlsplit(self.outputs["api_url"])
        line = http.client.HTTPConnection(address.netloc, timeout=seconds)
        try:
            line.request(
                verb, address.path + path, body, {"x-api-key": self.outputs["api_key"], **headers}
            )
            reply = line.getresponse()
            named = {name.lower(): text for name, text in reply.getheaders()}
            return Answer(reply.status, named, reply.read())
        finally:
            line.close()

    def ask_until_free(
        self, verb: str, path: str, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        """Send one request, and again for as long as the usage plan's throttle refuses it."""
        for _ in range(TRIES):
            answer = self.ask(verb, path, body, headers)
            if answer.status != http.HTTPStatus.TOO_MANY_REQUESTS:
                break
            time.sleep(PAUSE_SECONDS)
        return answer

    def logged(self) -> dict[str, dict[str, Any]]:
        """Return all entries of the decision log by their id, without the sealed input."""
        pages = self.client("dynamodb").get_paginator("scan")
        return {
            item["decision_id"]["S"]: {key: each for key, each in item.items() if key != "input"}
            for page in pages.paginate(TableName=self.settings.decisions_table)
            for item in page["Items"]
        }


@contextlib.contextmanager
def running(place: Place, say: Say) -> Iterator[Cloud]:
    """Start an embedded AWS below build/resilience, deploy into it, and end it afterwards."""
    folder = place.build / "resilience"
    folder.mkdir(parents=True, exist_ok=True)
    environment = _environment(place, folder)
    log = folder / "embedded-aws.log"
    with log.open("wb") as output:
        server = subprocess.Popen(  # noqa: S603 - our own module
            [place.python("embedded"), "-m", "local.aws.server"],
            env=environment,
            cwd=place.root,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait(lambda: _answers(place.aws_port, server, log), "the embedded AWS")
        outputs = _deploy(place, folder, environment)
        say(f"deployed: {outputs['api_url']}")
        yield Cloud(place.aws_address, outputs)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=60)


def _deploy(place: Place, folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    outputs = folder / "stack.json"
    options = ["--alert-email", "risk@lender.example", "--agent-activation-key", "LOCAL-AGENT"]
    for module, arguments in (
        ("deployment.package", []),
        ("deployment.deploy", [*options, "--outputs", str(outputs), "--yes"]),
    ):
        done = subprocess.run(  # noqa: S603 - our own modules
            [sys.executable, "-m", module, *arguments],
            env=dict(environment),
            cwd=place.root,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CloudFault(f"{module} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    found: dict[str, str] = json.loads(outputs.read_text())
    return found


def _environment(place: Place, folder: Path) -> dict[str, str]:
    state = folder / "aws"
    shutil.rmtree(state, ignore_errors=True)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "PYTHON", "SOLVENCIA_"))
    }
    return {
        **kept,  # a proxy and its certificates among them: packaging fetches wheels
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHONPATH": f"{place.root}{os.pathsep}{place.root / 'include'}",
        "AWS_ENDPOINT_URL": place.aws_address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "GATEWAY_PORT": str(place.aws_port),
        "SOLVENCIA_EMBEDDED_STATE_DIR": str(state),
        "SOLVENCIA_EMBEDDED_MODEL_PYTHON": place.python("model"),
        "SOLVENCIA_EMBEDDED_LAMBDA_PYTHON": place.python("lambda-runtime"),
    }


def _credentials() -> dict[str, str]:
    return {
        "region_name": REGION,
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }


def _answers(port: int, server: subprocess.Popen[bytes], log: Path) -> bool:
    if server.poll() is not None:
        raise CloudFault(f"the embedded AWS ended, see {log}:\n{log.read_text()[-2000:]}")
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        line.request("GET", "/_ministack/health")
        return line.getresponse().status == http.HTTPStatus.OK
    except OSError:
        return False
    finally:
        line.close()


def wait(is_done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_done():
        if time.monotonic() > deadline:
            raise CloudFault(f"{what} did not come up within {WAIT_SECONDS} s")
        time.sleep(0.2)
