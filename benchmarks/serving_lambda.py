"""The score function from its import until it can answer, beside a pipeline kept in the function.

Each side is a fresh process of its own interpreter, in turns: ours sees its zip's files, without
bytecode as Lambda unpacks them, and what AWS's runtime brings; the peer loads its fitted pipeline.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.rows import figure
from deployment import package
from local.place import Place

PEER = "pandas and a scikit-learn pipeline in the function"
TURNS = 5
REACH, MEGABYTES_MAX = 20.0, 40.0
OURS = """
import handler
from solvencia import portfolio
handler._clients()
portfolio.load("consumer_credit")
"""
PEERS = """
import joblib, pandas
joblib.load("pipeline.joblib")
"""
_MEASURED = """
import time
before = time.perf_counter()
{code}
seconds = time.perf_counter() - before
import json
lines = open("/proc/self/status").read().splitlines()
(peak,) = (int(each.split()[1]) for each in lines if each.startswith("VmHWM"))
print(json.dumps([seconds, peak * 1024 / 1e6]))
"""
_ENVIRONMENT = {
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "SOLVENCIA_STACK": "solvencia",
    "SOLVENCIA_ACCOUNT": "000000000000",
    "PYTHONDONTWRITEBYTECODE": "1",
}


def measure(place: Place, folder: Path) -> list[dict[str, Any]]:
    """Return both rows; `folder` holds the peer's pipeline."""
    unpacked = _unpack(folder / "score")
    ours: list[tuple[float, float]] = []
    peers: list[tuple[float, float]] = []
    for turn in range(TURNS + 1):
        pair = (
            _run(place.python("lambda-runtime"), OURS, unpacked),
            _run(place.python("peers"), PEERS, folder),
        )
        if turn:  # the first turn only warms the file cache
            ours.append(pair[0])
            peers.append(pair[1])
    (seconds, peak), (peer_seconds, peer_peak) = (
        [statistics.median(each) for each in zip(*side, strict=True)] for side in (ours, peers)
    )
    times = figure("score function, import to ready", seconds, "s", PEER, peer_seconds)
    return [
        times | {"ratio": round(peer_seconds / seconds, 3), "reach": REACH}
        | {"met": peer_seconds / seconds >= REACH},
        figure(
            "score function, memory when ready", peak, "MB", PEER, peer_peak,
            at_most=MEGABYTES_MAX, digits=1,
        ),
    ]  # fmt: skip


def _unpack(folder: Path) -> Path:
    """Lay out the files of the function's zip."""
    shutil.rmtree(folder, ignore_errors=True)
    (recipe,) = (each for each in package.RECIPES if each.name == "score")
    for name, source in package.source_files(recipe):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    return folder


def _run(python: str | Path, code: str, folder: Path) -> tuple[float, float]:
    """Return seconds and megabytes of a fresh process that sees the folder's modules."""
    done = subprocess.run(  # noqa: S603 - our own code
        [python, "-s", "-c", _MEASURED.format(code=code)],
        cwd=folder,
        env={**_ENVIRONMENT, "HOME": os.environ.get("HOME", "/tmp")},  # noqa: S108 - as Lambda's
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, peak = json.loads(done.stdout)
    return float(seconds), float(peak)
