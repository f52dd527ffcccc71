"""What a storm does to the stack: instances killed, functions frozen, the log's calls bent.

Linux only: processes are found and stopped by /proc and signals.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from resilience.cloud import Cloud
from resilience.proxy import CLEAR, Proxy, Weather

FUNCTION = "score"
_PROCESS = re.compile(r"process (\d+) on port")


@dataclass(frozen=True)
class Phase:
    """From a share of the requests on: the weather, and what is struck as it begins."""

    name: str
    since: float
    weather: Weather = CLEAR
    killed: int = 0  # instances of the endpoint
    frozen: float = 0.0  # share of the function's sandboxes


PHASES = (
    Phase("calm", 0.0),
    Phase("one instance killed", 0.12, killed=1),
    Phase("both instances killed", 0.22, killed=2),
    Phase("log throttled", 0.34, Weather(throttled=0.5)),
    Phase("log's answers lost", 0.46, Weather(lost=0.3)),
    Phase("model's answers cut", 0.56, Weather(cut=0.2)),
    Phase("functions frozen", 0.64, frozen=0.3),
    Phase("all of it", 0.76, Weather(throttled=0.2, lost=0.2, cut=0.1), killed=2, frozen=0.2),
    Phase("calm again", 0.88),
)


@contextlib.contextmanager
def exposed(cloud: Cloud, proxy: Proxy, timeout_seconds: int | None) -> Iterator[None]:
    """Have the score function reach log and model through the proxy; it may be ended sooner."""
    functions = cloud.client("lambda")
    name = f"{cloud.settings.stack}-{FUNCTION}"
    known = functions.get_function_configuration(FunctionName=name)
    variables = known["Environment"]["Variables"]
    addresses = {
        f"AWS_ENDPOINT_URL_{service}": proxy.address
        for service in ("DYNAMODB", "SAGEMAKER_RUNTIME")
    }
    functions.update_function_configuration(
        FunctionName=name,
        Timeout=timeout_seconds or known["Timeout"],
        Environment={"Variables": {**variables, **addresses}},
    )
    try:
        yield
    finally:
        functions.update_function_configuration(
            FunctionName=name, Timeout=known["Timeout"], Environment={"Variables": variables}
        )


def kill_instances(cloud: Cloud, portfolio: str, count: int) -> int:
    """Kill so many of an endpoint's processes, as the log streams name them; tell how many."""
    pages = cloud.client("logs").get_paginator("filter_log_events")
    group = f"/aws/sagemaker/Endpoints/{cloud.settings.endpoint(portfolio)}"
    texts = [
        each["message"] for page in pages.paginate(logGroupName=group) for each in page["events"]
    ]
    found = [int(each[1]) for text in texts if (each := _PROCESS.search(text))]
    alive = [pid for pid in found if b"solvencia.container" in _command(pid)]
    for pid in alive[:count]:
        os.kill(pid, signal.SIGKILL)
    return len(alive[:count])


def freeze_sandboxes(sandboxes: Path, share: float) -> int:
    """Stop a share of the score function's processes, so that they run into its timeout.

    `sandboxes` is the folder that the embedded AWS unpacks functions into.
    """
    inside = f"{sandboxes.resolve()}{os.sep}"
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            place = os.readlink(link)
            if place.startswith(inside) and f"-{FUNCTION}-" in place:
                found.append(int(link.parent.name))
    chosen = sorted(found)[: max(1, round(len(found) * share))] if share else []
    for pid in chosen:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    return len(chosen)


def strike(phase: Phase, cloud: Cloud, proxy: Proxy, portfolio: str, sandboxes: Path) -> str:
    """Begin a phase; return what was struck, in words."""
    proxy.weather = phase.weather
    told = []
    if phase.killed:
        told.append(f"{kill_instances(cloud, portfolio, phase.killed)} instances killed")
    if phase.frozen:
        told.append(f"{freeze_sandboxes(sandboxes, phase.frozen)} functions frozen")
    return ", ".join(told) or time.strftime("at %H:%M:%S")


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
