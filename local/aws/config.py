"""What the embedded AWS is told from outside: read from the environment once, by the server."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ACCOUNT = "000000000000"
REGION = "us-east-1"


@dataclass(frozen=True)
class Config:
    """Ports, folders and interpreters of one embedded AWS; every path is absolute."""

    port: int
    state: Path
    exports: Path
    model_python: Path
    model_entry: tuple[str, ...]
    model_path: str
    lambda_python: Path
    health_seconds: float = 60.0
    is_iam_enforced: bool = False

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Config:
        """Read `GATEWAY_PORT` and `SOLVENCIA_EMBEDDED_*`; relative paths start at the caller's."""

        def path(name: str, default: str) -> Path:
            return Path(env.get(f"SOLVENCIA_EMBEDDED_{name}") or default).absolute()

        state = path("STATE_DIR", "build/aws")
        folders = env.get("SOLVENCIA_EMBEDDED_MODEL_PATH", "include").split(os.pathsep)
        return cls(
            port=int(env.get("GATEWAY_PORT") or 4566),
            state=state,
            exports=path("EXPORTS_DIR", str(state / "exports")),
            model_python=path("MODEL_PYTHON", ".venv/model/bin/python"),
            model_entry=tuple(
                shlex.split(env.get("SOLVENCIA_EMBEDDED_MODEL_ENTRY", "-m solvencia.container"))
            ),
            model_path=os.pathsep.join(str(Path(each).absolute()) for each in folders if each),
            lambda_python=path("LAMBDA_PYTHON", ".venv/lambda/bin/python"),
            health_seconds=float(
                env.get("SOLVENCIA_EMBEDDED_HEALTH_SECONDS") or cls.health_seconds
            ),
            is_iam_enforced=env.get("SOLVENCIA_EMBEDDED_IAM") == "enforced",
        )

    @property
    def url(self) -> str:
        """Address of every service: what `AWS_ENDPOINT_URL` is set to."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def objects(self) -> Path:
        """S3 objects as files, one folder for each bucket."""
        return self.state / "s3"

    @property
    def services(self) -> Path:
        """One JSON file for each service, written when the server stops."""
        return self.state / "state"

    @property
    def work(self) -> Path:
        """Scratch folders of containers and Lambdas; emptied when the server starts."""
        return self.state / "work"

    @property
    def mailbox(self) -> Path:
        """E-mails of SNS, each an .eml file."""
        return self.state / "mailbox"
