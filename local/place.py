"""Where a stack lives on this machine: the checkout, its working folder and its ports."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """Where a stack lives: the checkout, its working folder and its ports."""

    root: Path
    build: Path
    aws_port: int
    airflow_port: int

    @classmethod
    def from_env(cls, root: Path) -> Place:
        """Read `SOLVENCIA_BUILD`, `SOLVENCIA_AWS_PORT` and `SOLVENCIA_AIRFLOW_PORT`."""
        return cls(
            root=root,
            build=Path(os.environ.get("SOLVENCIA_BUILD") or root / "build").absolute(),
            aws_port=int(os.environ.get("SOLVENCIA_AWS_PORT") or 4566),
            airflow_port=int(os.environ.get("SOLVENCIA_AIRFLOW_PORT") or 8080),
        )

    @property
    def aws_address(self) -> str:
        """What `AWS_ENDPOINT_URL` is set to."""
        return f"http://127.0.0.1:{self.aws_port}"

    @property
    def outputs(self) -> Path:
        """The deployed stack's outputs, written by the deployment."""
        return self.build / "stack.json"

    @property
    def exports(self) -> Path:
        """The lender's export folders, one for each portfolio, as its file server shows them."""
        return self.warehouses / "exports"

    @property
    def warehouses(self) -> Path:
        """The lenders' databases in SQLite, one for each portfolio."""
        return self.build / "warehouse"

    def results(self, portfolio: str) -> Path:
        """What the last run of a portfolio came to: summary, report and plots."""
        return self.build / "run" / portfolio

    @property
    def mailbox(self) -> Path:
        """Every e-mail that SNS sent, one file each."""
        return self.build / "aws" / "mailbox"

    @property
    def record(self) -> Path:
        """The processes of a running stack; absent when it was stopped."""
        return self.build / "run" / "processes.json"

    def log(self, name: str) -> Path:
        """Log file of one process."""
        return self.build / "run" / "logs" / f"{name}.log"

    def python(self, environment: str) -> str:
        """Interpreter of one of the environments that `local/setup.sh` built."""
        return str(self.root / ".venv" / environment / "bin" / "python")


def here() -> Place:
    """Return the place of the checkout that this file lies in."""
    return Place.from_env(Path(__file__).resolve().parent.parent)
