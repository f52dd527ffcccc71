"""Child processes of the server: containers and Lambdas, none of which outlives it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

LAUNCH = Path(__file__).with_name("launch.py")

# The kernel ties "die with your parent" to the forking thread: one thread, which never ends, forks.
_SPAWNER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


def spawn(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    mounts: Mapping[Path, Path] | None = None,
    **streams: Any,
) -> subprocess.Popen[Any]:
    """Start a command in a session of its own; `mounts` maps a folder to where it shall appear."""
    pairs = ",".join(f"{source}:{target}" for source, target in (mounts or {}).items())
    python = [sys.executable, "-I", "-S", str(LAUNCH)]
    argv = [*python, str(os.getpid()), pairs, *command]

    def start() -> subprocess.Popen[Any]:
        return subprocess.Popen(  # noqa: S603
            argv, env=dict(env), cwd=cwd, start_new_session=True, **streams
        )

    return _SPAWNER.submit(start).result()


def can_mount(source: Path, target: Path) -> bool:
    """Whether a child may see `source` at `target` here (it needs Linux and namespaces)."""
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    child = spawn(
        ["true"],
        env={"PATH": os.defpath},
        cwd=source,
        mounts={source: target},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return child.wait() == 0


def end(children: Iterable[subprocess.Popen[Any]], *, grace_seconds: float) -> None:
    """Ask the sessions of all children to end, then kill what is left after the grace."""
    running = [each for each in children if each.poll() is None]
    for child in running:
        signal_session(child, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    for child in running:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            signal_session(child, signal.SIGKILL)
            child.wait()


def signal_session(child: subprocess.Popen[Any], number: int) -> None:
    """Send a signal to a child and to what it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)
