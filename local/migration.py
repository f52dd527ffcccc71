"""Airflow's database, made while other things start; one of this version stays."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from local.place import Place
from local.processes import DidNotStart


class Migration:
    """The one command that makes the database, as long as it runs."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._command: subprocess.Popen[str] | None = None

    def begin(self, environment: Mapping[str, str]) -> None:
        """Start to make the database, where there is none of this version of Airflow."""
        if self._stamp.exists():
            return
        home = self.place.build / "airflow"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        self._command = subprocess.Popen(  # noqa: S603 - our own command
            [self.place.python("airflow"), "-m", "airflow", "db", "migrate"],
            env=dict(environment),
            cwd=self.place.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self) -> None:
        """Wait until the database is there; raise DidNotStart with the command's last words."""
        if self._command is None:
            return
        output, _ = self._command.communicate()
        if self._command.returncode:
            raise DidNotStart(f"airflow db migrate failed:\n{output[-2000:]}")
        self._command = None
        self._stamp.write_text("")

    def end(self) -> None:
        """Stop the command if it still runs; the next start makes the database anew."""
        if self._command and self._command.poll() is None:
            self._command.kill()
            self._command.wait()

    @property
    def _stamp(self) -> Path:
        lock = (self.place.root / "locks" / "airflow.txt").read_bytes()
        version = lock.partition(b"apache-airflow==")[2].split()[0].decode()
        return self.place.build / "airflow" / f".migrated-{version}"
