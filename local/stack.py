"""The whole stack on 127.0.0.1: embedded AWS, the deployed templates, warehouse and Airflow."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import httpx

from local import airflow, airflow_role, lender, processes, variables, warehouse
from local.migration import Migration
from local.place import Place
from local.processes import DidNotStart, Process
from local.variables import REGION
from solvencia import portfolio
from solvencia.settings import Settings

ALERT_EMAIL = "risk-officer@lender.example"
AGENT_KEY = "LOCAL-DATASYNC-AGENT"
READY_SECONDS = 120
AIRFLOW_GRACE_SECONDS = 8
AWS_GRACE_SECONDS = 30
AWS = "embedded-aws"
PORTFOLIO = "consumer_credit"
ROOT_KEY = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")


Say = Callable[[str], None]


class Stack:
    """Starts and stops everything; `environment` is what a task of Airflow sees.

    Every portfolio is deployed; the data of one is laid out, of its sample `borrowers` at most.
    """

    def __init__(
        self, place: Place, say: Say, borrowers: int | None = None, name: str = PORTFOLIO
    ) -> None:
        self.place = place
        self.say = say
        self.borrowers = borrowers
        self.portfolio = portfolio.load(name)
        self.users = airflow.users_from_env()
        self.client = self.client_of(self.users[0] if self.users else "")
        self._started: list[Process] = []
        self._migration = Migration(place)

    def client_of(self, user: str) -> airflow.Client:
        """Return Airflow's REST API as a user sees it."""
        return airflow.Client(self.place.airflow_port, self.place.build / "airflow", user)

    @property
    def is_up(self) -> bool:
        """Whether a recorded stack runs, all of it."""
        found = processes.recorded(self.place.record)
        is_whole = [each.name for each in found] == [AWS, *airflow.COMPONENTS]
        return is_whole and all(each.is_alive for each in found)

    def up(self) -> None:
        """Start what is needed, in the order of need; on any fault stop it all again."""
        if self.is_up and lender.knows_connections(self.place):
            self._lay_out_warehouse()
            self.deploy()
            self._make_role()
            return
        if self.is_up:
            self.say("connections, users or approval have changed: starting the stack anew")
            self.down()
        self._recover()
        self._started = []
        place = self.place
        processes.require_free(place.aws_port, "the embedded AWS", "SOLVENCIA_AWS_PORT")
        processes.require_free(place.airflow_port, "Airflow's UI", "SOLVENCIA_AIRFLOW_PORT")
        try:
            self._start(AWS, "embedded", "-m", "local.aws.server")
            self._migration.begin(self._environment())
            self._lay_out_warehouse()
            self._wait(AWS, self._aws_answers)
            self.deploy()
            permissions = self._make_role()
            self._migration.finish()
            lender.record_connections(self.place)
            if self.users:  # Airflow would let everybody on this machine read it
                airflow.passwords(place.build / "airflow").touch(mode=0o600)
            for component, options in airflow.COMPONENTS.items():
                self._start(
                    component, "airflow", "-m", "airflow", component, *options, identity=permissions
                )
            self.say("Airflow is starting")
            self._wait("scheduler", self.client.is_healthy)
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Stop everything that was recorded, Airflow first, whose tasks use AWS; data stays."""
        self._migration.end()
        left = processes.recorded(self.place.record)
        processes.stop([each for each in left if each.name != AWS], AIRFLOW_GRACE_SECONDS)
        processes.stop([each for each in left if each.name == AWS], AWS_GRACE_SECONDS)
        self.place.record.unlink(missing_ok=True)

    def deploy(self) -> None:
        """Package the Lambdas and deploy the templates; nothing happens where nothing changed."""
        options = ["--alert-email", ALERT_EMAIL, "--agent-activation-key", AGENT_KEY]
        options += ["--outputs", str(self.place.outputs), "--yes"]
        for module, arguments in (("deployment.package", []), ("deployment.deploy", options)):
            with subprocess.Popen(  # noqa: S603 - our own modules
                [self.place.python("airflow"), "-m", module, *arguments],
                env=self._environment(),
                cwd=self.place.root,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ) as child:
                assert child.stdout  # noqa: S101 - it is a pipe
                for line in child.stdout:
                    self.say(f"  {line.rstrip()}")
            if child.returncode:
                raise DidNotStart(f"{module} failed with exit code {child.returncode}, see above")

    @property
    def outputs(self) -> dict[str, str]:
        """What the deployment wrote: settings, API address and key."""
        found: dict[str, str] = json.loads(self.place.outputs.read_text())
        return found

    @property
    def settings(self) -> Settings:
        """The names of the deployed resources."""
        outputs = self.outputs
        return Settings(outputs["SOLVENCIA_STACK"], outputs["SOLVENCIA_ACCOUNT"], REGION)

    def aws(self, service: str) -> Any:
        """Return a boto3 client of the embedded AWS."""
        return boto3.client(
            service,
            endpoint_url=self.place.aws_address,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the emulator's fixed key
        )

    def environment(self) -> dict[str, str]:
        """Return the variables of a process that works with the running stack."""
        return self._environment() | {
            name: value for name, value in self.outputs.items() if name.startswith("SOLVENCIA_")
        }

    def _environment(self) -> dict[str, str]:
        return variables.read(self.place, self.users, is_iam_off=self.is_iam_off)

    @property
    def warehouse(self) -> str:
        """The Airflow connection of the portfolio's warehouse."""
        return warehouse.connections(self.place.warehouses)[warehouse.variable(self.portfolio)]

    def _recover(self) -> None:
        """Clean up after a stack that was killed: its emulated control plane is lost."""
        left = processes.recorded(self.place.record)
        if not left:
            return
        self.say("the last run was not stopped cleanly: ending what it left, starting from nothing")
        self.down()
        self._forget()

    def _forget(self) -> None:
        for name in ("aws", "airflow"):
            shutil.rmtree(self.place.build / name, ignore_errors=True)
        self.place.outputs.unlink(missing_ok=True)

    def _make_role(self) -> dict[str, str]:
        """Make Airflow's role; return the variables by which Airflow gets its credentials."""
        return {} if self.is_iam_off else airflow_role.create(self.aws, self.place.aws_address)

    @property
    def is_iam_off(self) -> bool:
        """Whether the user switched the roles' policies off (`SOLVENCIA_IAM=off`)."""
        return os.environ.get("SOLVENCIA_IAM") == "off"

    def _start(
        self,
        name: str,
        environment: str,
        *arguments: str,
        identity: Mapping[str, str] | None = None,
    ) -> None:
        place = self.place
        place.log(name).unlink(missing_ok=True)
        env = self.environment() if environment == "airflow" else self._environment()
        if identity:  # a role in place of the operator's root key
            env = {key: value for key, value in env.items() if key not in ROOT_KEY} | dict(identity)
        command = [place.python(environment), *arguments]
        self._started.append(processes.start(name, command, env, place.log(name), place.root))
        processes.save(place.record, self._started)

    def _wait(self, name: str, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not is_ready():
            self.require_alive()
            if time.monotonic() > deadline:
                raise DidNotStart(self._post_mortem(name, f"did not answer in {READY_SECONDS} s"))
            time.sleep(0.2)

    def require_alive(self) -> None:
        """Raise DidNotStart, with the end of its log, when a process of the stack has ended."""
        for each in processes.recorded(self.place.record):
            if not each.is_alive:
                raise DidNotStart(self._post_mortem(each.name, "ended"))

    def _post_mortem(self, name: str, what: str) -> str:
        log = self.place.log(name)
        return f"{name} {what}; the end of {log}:\n{processes.tail(log)}"

    def _aws_answers(self) -> bool:
        try:
            health = httpx.get(f"{self.place.aws_address}/_ministack/health", trust_env=False)
        except httpx.HTTPError:
            return False
        return bool(health.is_success)

    def _lay_out_warehouse(self) -> None:
        rows = lender.lay_out(self.place, self.portfolio, self.warehouse, self.borrowers)
        listed = ", ".join(f"{name} {count:,}" for name, count in rows.items())
        self.say(f"warehouse: {listed} rows")
