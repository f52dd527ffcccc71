"""Parsing all DAG files, beside the bare import of Airflow and the operators they use."""

from __future__ import annotations

import statistics
import subprocess
import time
from typing import Any

from benchmarks.rows import row
from local import airflow
from local.place import Place
from local.variables import REGION

TURNS = 7
PEER = """
import airflow.sdk
from airflow.providers.amazon.aws.notifications import sns
from airflow.providers.amazon.aws.operators import (
    athena, datasync, glue_crawler, s3, sagemaker, step_function
)
"""
OURS = """
import pathlib, runpy
for path in sorted(pathlib.Path("dags").glob("*.py")):
    runpy.run_path(str(path))
"""


def measure(place: Place) -> list[dict[str, Any]]:
    """Return the row of the medians over whole processes, run in turns."""
    ours, peers = [], []
    for turn in range(TURNS + 1):
        peer_seconds, our_seconds = _seconds(place, PEER), _seconds(place, OURS)
        if turn:  # the first turn only warms the file cache
            peers.append(peer_seconds)
            ours.append(our_seconds)
    return [
        row(
            "parse all DAG files",
            statistics.median(ours),
            "s",
            "bare import of airflow.sdk and the operators",
            statistics.median(peers),
            reach=1.25,
        )
    ]


def _seconds(place: Place, code: str) -> float:
    env = {
        **airflow.environment(place.root, place.build / "bench-airflow", place.airflow_port),
        "AWS_DEFAULT_REGION": REGION,
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{place.root / 'include'}:{place.root / 'plugins'}",
        "SOLVENCIA_ACCOUNT": "000000000000",
        "SOLVENCIA_STACK": "solvencia",
    }
    before = time.perf_counter()
    subprocess.run(  # noqa: S603 - our own code
        [place.python("airflow"), "-c", code],
        cwd=place.root,
        env=env,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - before
