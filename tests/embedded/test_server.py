"""The server says when it is ready, and why it cannot start."""

from __future__ import annotations

import subprocess
import sys


def test_a_taken_port_is_one_clear_line(server):
    """A second server on the port ends at once and says what to do."""
    ended = subprocess.run(
        [sys.executable, "-m", "local.aws.server"],
        cwd=server.folder,
        env=server.environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr == (
        f"embedded AWS: port {server.port} of 127.0.0.1 is taken: "
        "stop what listens there, or set GATEWAY_PORT\n"
    )


def test_a_missing_interpreter_is_named(new_server):
    """The message names the interpreter and the variable that chooses it."""
    other = new_server()
    ended = subprocess.run(
        [sys.executable, "-m", "local.aws.server"],
        cwd=other.folder,
        env=other.environment() | {"SOLVENCIA_EMBEDDED_LAMBDA_PYTHON": "/nowhere/python"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 1
    assert "/nowhere/python" in ended.stderr
    assert "SOLVENCIA_EMBEDDED_LAMBDA_PYTHON" in ended.stderr
