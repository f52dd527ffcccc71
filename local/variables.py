"""The variables of every process that works with a stack on 127.0.0.1."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from local import airflow, warehouse
from local.place import Place

REGION = "us-east-1"


def read(place: Place, users: Sequence[str], *, is_iam_off: bool) -> dict[str, str]:
    """Return what the shell has, such as a proxy, but none of its AWS, Airflow or Python settings.

    With `is_iam_off` no role's policies count.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "AIRFLOW_", "PYTHON", "SOLVENCIA_"))
    }
    bin_folder = str(Path(place.python("airflow")).parent)
    return {
        **kept,
        **airflow.environment(place.root, place.build / "airflow", place.airflow_port, users),
        "AIRFLOW_CONN_AWS_DEFAULT": '{"conn_type": "aws"}',
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": place.aws_address,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "GATEWAY_PORT": str(place.aws_port),
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PATH": f"{bin_folder}{os.pathsep}{kept.get('PATH', '')}",
        "PYTHONPATH": f"{place.root}{os.pathsep}{place.root / 'include'}",
        "PYTHONUNBUFFERED": "1",
        "SOLVENCIA_APPROVAL": os.environ.get("SOLVENCIA_APPROVAL") or "automatic",
        "SOLVENCIA_EMBEDDED_IAM": "off" if is_iam_off else "enforced",
        "SOLVENCIA_EMBEDDED_STATE_DIR": str(place.build / "aws"),
        "SOLVENCIA_EMBEDDED_EXPORTS_DIR": str(place.exports),
        "SOLVENCIA_EMBEDDED_MODEL_PYTHON": place.python("model"),
        "SOLVENCIA_EMBEDDED_LAMBDA_PYTHON": place.python("lambda-runtime"),
        "SOLVENCIA_POLL_SECONDS": "1",
        "SOLVENCIA_RETRY_DELAY_SECONDS": "2",
        "SOLVENCIA_STACK": "solvencia",
        **warehouse.connections(place.warehouses),
    }
