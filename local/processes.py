"""Background processes of the stack: started in groups of their own, recorded, ended whole."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil


class PortTaken(RuntimeError):
    """Another program listens on a port that the stack needs."""

    def __init__(self, port: int, purpose: str, variable: str) -> None:
        super().__init__(
            f"port {port} on 127.0.0.1 is taken by another program; {purpose} needs it. "
            f"End that program, or choose another port: {variable}={port + 1000} make …"
        )


class Busy(RuntimeError):
    """Another command works on this stack right now."""


class DidNotStart(RuntimeError):
    """A process of the stack ended, or did not answer in time; the message shows its log."""


@dataclass(frozen=True)
class Process:
    """A recorded process: its creation time tells it from a later one with the same id."""

    name: str
    pid: int
    created: float

    @property
    def is_alive(self) -> bool:
        """Whether this very process still runs."""
        try:
            found = psutil.Process(self.pid)
            is_same = abs(found.create_time() - self.created) < 1
            return bool(is_same and found.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file `path` for a block; raise Busy when another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(
                "another 'make run', 'make up' or 'make down' works on this checkout: "
                "wait for it, or interrupt it with Ctrl-C"
            ) from error
        yield


def require_free(port: int, purpose: str, variable: str) -> None:
    """Raise PortTaken when something listens on 127.0.0.1:`port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTaken(port, purpose, variable) from error


def start(
    name: str, command: Sequence[str], env: Mapping[str, str], log: Path, cwd: Path
) -> Process:
    """Start `command` in a process group of its own, its output going to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        child = subprocess.Popen(  # noqa: S603 - our own commands
            command,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Process(name, child.pid, psutil.Process(child.pid).create_time())


def stop(processes: Sequence[Process], grace_seconds: float) -> None:
    """End the groups whole: a request first, the kill for what has not obeyed in time."""
    for process in processes:
        if _members(process):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    while time.monotonic() < deadline and any(_members(each) for each in processes):
        _reap()
        time.sleep(0.1)
    for process in processes:
        for member in _members(process):
            with contextlib.suppress(ProcessLookupError):
                os.kill(member, signal.SIGKILL)
    _reap()


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def save(path: Path, processes: Sequence[Process]) -> None:
    """Record the running processes for a later `make down`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps([asdict(each) for each in processes], indent=1))
    draft.replace(path)


def recorded(path: Path) -> list[Process]:
    """Return the recorded processes; empty when there is no record."""
    if not path.exists():
        return []
    return [Process(**each) for each in json.loads(path.read_text())]


def _members(process: Process) -> list[int]:
    """Return the live processes of the group that `process` leads or led."""
    members = []
    for each in psutil.process_iter(["pid", "status", "create_time"]):
        try:
            if (
                os.getpgid(each.pid) == process.pid
                and each.info["status"] != psutil.STATUS_ZOMBIE
                and each.info["create_time"] >= process.created - 1
            ):
                members.append(each.pid)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return members


def _reap() -> None:
    """Collect children that ended, so that they do not stay as zombies."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
