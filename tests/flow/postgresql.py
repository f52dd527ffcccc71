"""A PostgreSQL server of a test's own."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from .conftest import free_port


@contextlib.contextmanager
def server(binaries):
    """Yield the port of a server on 127.0.0.1 that lives as long as the block."""
    port = free_port()
    # Its user must be able to reach the folder, which pytest's own is too private for.
    folder = Path(tempfile.mkdtemp(prefix="solvencia-postgresql-"))
    owner = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        owner = {"user": "postgres", "group": "postgres", "extra_groups": []}

    def run(command, *arguments):
        subprocess.run(
            [binaries / command, "-D", folder / "data", *arguments],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=60,
            **owner,
        )

    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    run("initdb", "--auth=trust", "--username=lender")
    run("pg_ctl", "--wait", "--log", folder / "log", "--options", options, "start")
    try:
        yield port
    finally:
        run("pg_ctl", "--wait", "--mode=immediate", "stop")
        shutil.rmtree(folder)
