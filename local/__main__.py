"""`python -m local run|up|down|with`: what `make run`, `make up` and `make down` call.

`with COMMAND` runs a command against the running stack, or, where none runs, against the account
that the environment names.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from types import FrameType

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from local import airflow, place, processes, readings, sample_tables, summary, warehouse
from local.run import MainJob, RunFailed
from local.samples import SAMPLES, sample
from local.stack import PORTFOLIO, Stack
from solvencia import portfolio
from solvencia.faults import PermanentFault

FAULTS = (
    BotoCoreError,
    ClientError,
    PermanentFault,
    httpx.HTTPError,
    airflow.AirflowRefused,
    processes.Busy,
    processes.PortTaken,
    processes.DidNotStart,
    readings.AthenaFailed,
    sample.SampleUnavailable,
    RunFailed,
    summary.NotReconciled,
    sample_tables.NotOurs,
    warehouse.UnknownWarehouse,
)


def main() -> int:
    """Run one command; return its exit code."""
    if sys.argv[1:2] == ["with"]:
        return run_with(sys.argv[2:])
    arguments = _parser().parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    _keep_to_this_machine()
    where = place.here()
    started = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - started:5.0f} s] {line}", flush=True)

    try:
        whole = Stack(where, say, arguments.borrowers, arguments.portfolio)
        with processes.exclusive(where.build / "run" / "lock"):
            return {"run": run, "up": up, "down": down}[arguments.command](whole)
    except FAULTS as error:
        print(f"\n{error}", file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; what was started is stopped", file=sys.stderr, flush=True)
        return 130


def run(whole: Stack) -> int:
    """Do the main job; a stack that ran before it goes on running after it."""
    was_up = whole.is_up
    job = MainJob(whole, whole.say)
    try:
        whole.say("starting the embedded AWS, the warehouse and Airflow")
        whole.up()
        job.run()
        facts = summary.collect(job)
        summary.write(facts, whole.place.results(job.portfolio.name) / "summary.json")
        print(summary.render(facts), flush=True)
        summary.require_reconciled(facts)
    finally:
        try:
            job.tell_mails()
        finally:
            if not was_up:
                _stop(whole)
    return 0


def up(whole: Stack) -> int:
    """Start the stack and leave it running."""
    if whole.is_up:
        whole.say("already up: bringing data and deployment up to date")
    whole.up()
    outputs = whole.outputs
    print(
        f"\nAirflow   {whole.client.address}\n"
        f"API       {outputs['api_url']}   (header x-api-key: {outputs['api_key']})\n"
        f"mailbox   {whole.place.aws_address}/_mailbox\n"
        f"AWS       AWS_ENDPOINT_URL={whole.place.aws_address}\n"
        f"\n'make run PORTFOLIO={whole.portfolio.name}' runs its main job on it, "
        "'make down' ends it."
    )
    return 0


def down(whole: Stack) -> int:
    """Stop the stack; its data stays below build/."""
    had = processes.recorded(whole.place.record)
    _stop(whole)
    whole.say(f"stopped {len(had)} processes" if had else "nothing was running")
    return 0


def run_with(command: list[str]) -> int:
    """Run a command in the environment of the running stack; return its exit code."""
    whole = Stack(place.here(), print)
    environment = whole.environment() if whole.is_up else dict(os.environ)
    if not whole.is_up and "SOLVENCIA_STACK" not in environment:
        print(
            "no stack runs here, and the environment names no deployment: start one with "
            "'make up', or set what docs/settings.md lists",
            file=sys.stderr,
        )
        return 1
    return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument(
        "command",
        choices=("run", "up", "down"),
        help="run: the main job, whole; up: leave the stack running; down: end it",
    )
    parser.add_argument(
        "--portfolio",
        default=PORTFOLIO,
        metavar="NAME",
        help=f"whose data to lay out and run: {_known()} (default: {PORTFOLIO})",
    )
    parser.add_argument(
        "--borrowers",
        type=int,
        metavar="N",
        help="lay out only the first N applications of the sample (default: all)",
    )
    return parser


def _known() -> str:
    """List the portfolio folders, and which of them need a warehouse of one's own."""
    return ", ".join(
        name if name in SAMPLES else f"{name} (your tables)" for name in portfolio.names()
    )


def _stop(whole: Stack) -> None:
    """Stop everything; a second Ctrl-C does not leave half of it behind."""
    whole.say("stopping")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    whole.down()


def _keep_to_this_machine() -> None:
    """Forget the AWS profile and the proxy of the user's shell, for this process only."""
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        del os.environ[name]
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        os.environ[name] = os.devnull
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = "127.0.0.1,localhost"


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
