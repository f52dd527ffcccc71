"""The serving container beside gunicorn, Flask and a scikit-learn pipeline on pandas."""

from __future__ import annotations

import csv
import json
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import load, serving_lambda
from benchmarks.rows import figure, row
from local.place import Place
from local.samples import SAMPLES
from local.samples.sample import fetch

PEER = "gunicorn, Flask, scikit-learn on pandas"
CONNECTIONS = 16
SECONDS = 5.0
TURNS = 3
BODIES = 512
START_SECONDS = 120


def measure(place: Place) -> list[dict[str, Any]]:
    """Return the rows; both servers have as many processes as there are cores."""
    subprocess.run(["/bin/sh", "local/setup.sh", "peers"], cwd=place.root, check=True)
    folder = place.build / "bench-serving"
    folder.mkdir(parents=True, exist_ok=True)
    wheel = fetch(SAMPLES["consumer_credit"].source, place.build / "downloads", place.python("uv"))
    ours = _figures(place, "model", "benchmarks.serving_model", str(wheel), str(folder))
    env = _environment(place) | {"BENCH_TREES": str(ours["trees"] or 350)}
    peer = _figures(place, "peers", "benchmarks.serving_peer", str(folder), env=env)
    bodies = list(_bodies(folder, ours["fingerprint"]))
    workers = len(os.sched_getaffinity(0))
    our_port, peer_port = _free_port(), _free_port()
    our_command = [place.python("model"), "-m", "solvencia.container", "serve"]
    our_env = env | {
        "SAGEMAKER_BASE_DIR": str(folder),
        "SAGEMAKER_BIND_HOST": "127.0.0.1",
        "SAGEMAKER_BIND_TO_PORT": str(our_port),
        "SOLVENCIA_WORKERS": str(workers),
    }
    peer_command = [
        place.python("peers"), "-m", "gunicorn", "--preload", "--workers", str(workers),
        "--bind", f"127.0.0.1:{peer_port}", "--timeout", "120", "benchmarks.serving_peer:build()",
    ]  # fmt: skip
    fast: list[load.Load] = []
    slow: list[load.Load] = []
    with (
        _serving(our_command, our_env, our_port, place.root),
        _serving(peer_command, env | {"BENCH_FOLDER": str(folder)}, peer_port, place.root),
    ):
        for turn in range(TURNS + 1):
            seconds = SECONDS if turn else 1.0  # the first turn only warms up
            pair = [load.run(each, bodies, CONNECTIONS, seconds) for each in (our_port, peer_port)]
            if turn:
                fast.append(pair[0])
                slow.append(pair[1])
        best, other = (max(each, key=lambda seen: seen.per_second) for each in (fast, slow))
        half = load.run(our_port, bodies, CONNECTIONS, SECONDS, best.per_second / 2)
        peer_half = load.run(peer_port, bodies, CONNECTIONS, SECONDS, other.per_second / 2)
    return [
        _at_least(
            f"serving ({ours['kind']}), one row: requests", best.per_second, "1/s",
            other.per_second, 10,
        ),
        figure(
            "half load, one row: p50", half.p50_ms, "ms", PEER, peer_half.p50_ms
        ),
        figure(
            "half load, one row: p99", half.p99_ms, "ms", PEER, peer_half.p99_ms, at_most=5.0
        ),
        row(
            "PD with reasons, one row", ours["reasoned_us"], "us", "the PD alone",
            ours["alone_us"], reach=2,
        ),
        _at_least(
            "batch with reasons, one core, beside PDs alone",
            ours["batch_rows_per_second"], "rows/s", peer["batch_rows_per_second"], 5,
        ),
        *_beside_reasons(ours, peer),
        figure(
            "PDs without reasons, one core", ours["pd_rows_per_second"],
            "rows/s", PEER, peer["batch_rows_per_second"],
        ),
        *serving_lambda.measure(place, folder),
    ]  # fmt: skip


def _beside_reasons(ours: dict[str, Any], peer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the batch beside others that give reasons: like for like."""
    others = [(f"{PEER}, over all subsets", peer["reasoned_rows_per_second"])]
    if "treeshap_rows_per_second" in ours:
        others.insert(0, ("LightGBM's TreeSHAP on pandas", ours["treeshap_rows_per_second"]))
    return [
        _at_least("the same beside reasons", ours["batch_rows_per_second"], "rows/s", rate, 5)
        | {"peer": name}
        for name, rate in others
    ]


def _at_least(name: str, value: float, unit: str, peer: float, reach: float) -> dict[str, Any]:
    found = row(name, value, unit, PEER, peer, reach)
    return found | {"met": value / peer >= reach}


def _environment(place: Place) -> dict[str, str]:
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    path = f"{place.root}:{place.root / 'include'}"
    return {**os.environ, **one_thread, "PYTHONPATH": path}


def _figures(
    place: Place, environment: str, *command: str, env: dict[str, str] | None = None
) -> dict[str, Any]:
    done = subprocess.run(  # noqa: S603 - our own modules
        [place.python(environment), "-m", *command],
        cwd=place.root,
        env=env or _environment(place),
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _bodies(folder: Path, fingerprint: str) -> Iterator[bytes]:
    with (folder / "rows.csv").open(newline="") as file:
        for _, record in zip(range(BODIES), csv.DictReader(file), strict=False):
            names = list(record)[:-1]
            application = {name: float(record[name]) if record[name] else None for name in names}
            body = {"fingerprint": fingerprint, "applications": [application]}
            yield json.dumps(body).encode()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _serving(command: list[Any], env: dict[str, str], port: int, root: Path) -> Iterator[None]:
    child = subprocess.Popen(  # noqa: S603 - our own commands
        command, env=env, cwd=root, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5).close()
                break
            except OSError:
                if child.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"{command[2]} did not answer pings") from None
                time.sleep(0.2)
        yield
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait(timeout=60)
