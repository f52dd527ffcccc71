import socket
import subprocess
import sys
import time

import psutil
import pytest

from local import processes

FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


def test_a_taken_port_is_named_with_the_way_out():
    """The message says the port, who needs it and how to choose another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(processes.PortTaken, match=f"port {port} .*SOLVENCIA_AWS_PORT="):
            processes.require_free(port, "the embedded AWS", "SOLVENCIA_AWS_PORT")


def test_stop_ends_the_whole_group_and_nothing_else(tmp_path):
    """Children of a recorded process end with it; a stranger goes on."""
    log = tmp_path / "family.log"
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    parent = processes.start("family", [sys.executable, "-c", FAMILY], {}, log, tmp_path)
    deadline = time.monotonic() + 30
    while not log.read_text().strip():
        assert time.monotonic() < deadline, "the parent did not name its child"
        time.sleep(0.02)
    child = int(log.read_text())

    processes.stop([parent], grace_seconds=10)

    is_stranger_alive = stranger.poll() is None
    stranger.kill()
    stranger.wait()
    assert not parent.is_alive
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == "zombie"
    assert is_stranger_alive


def test_a_record_of_another_process_with_the_same_id_is_not_alive(tmp_path):
    """A process id that was given to another program is never mistaken for ours."""
    own = psutil.Process()
    old = processes.Process("old", own.pid, own.create_time() - 3600)
    processes.save(tmp_path / "record.json", [old])

    (read,) = processes.recorded(tmp_path / "record.json")

    assert not read.is_alive
