"""`serve`: scores with reasons over HTTP, as SageMaker's endpoints and transform jobs ask for them.

One process for each core, all forked from one that has loaded the model, so that they share its
memory. None has a thread: what is scored takes turns with what arrives.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass

import uvloop

from solvencia import model, portfolio
from solvencia.container.folders import Folders
from solvencia.container.serve_door import Counts, Door
from solvencia.container.serve_http import Connection
from solvencia.container.serve_queue import Limits, Queue
from solvencia.container.serve_scores import Scores

BACKLOG = 512
_RESTART_SECONDS = 0.5


@dataclass(frozen=True)
class Shared:
    """What all processes have in common."""

    scores: Scores
    limits: Limits
    listener: socket.socket
    watched: int  # a pipe's end, which tells them that the first process is gone
    counts: Counts


def run(folders: Folders) -> None:
    """Load the model, then listen until SIGTERM; requests under way are answered first."""
    signal.signal(signal.SIGTERM, _leave)
    trained = model.load(folders.model)
    product = portfolio.load(trained.portfolio)
    model.check_rules(trained, product)
    scores, limits = Scores(trained, product), Limits.from_env()
    host = os.environ.get("SAGEMAKER_BIND_HOST", "0.0.0.0")  # noqa: S104 - inside a container
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
    listener = socket.create_server((host, port), backlog=BACKLOG)
    listener.setblocking(False)
    workers = int(os.environ.get("SOLVENCIA_WORKERS") or len(os.sched_getaffinity(0)))
    print(
        f"model {trained.digest[:12]} of {product.name} {trained.period} is loaded, "
        f"{workers} processes",
        flush=True,
    )
    gc.collect()
    gc.freeze()  # what is loaded stays shared: no collection touches it
    _supervise(scores, limits, listener, workers)


def _supervise(scores: Scores, limits: Limits, listener: socket.socket, workers: int) -> None:
    """Keep so many processes until SIGTERM, which each is told; return when all have ended."""
    watched, held = os.pipe()
    children: dict[int, int] = {}  # to each its place among the counts
    shared = Shared(scores, limits, listener, watched, Counts(workers))
    is_ending = False

    def end(signum: int, frame: object) -> None:
        nonlocal is_ending
        is_ending = True
        for child in children:
            os.kill(child, signal.SIGTERM)

    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    signal.signal(signal.SIGTERM, end)
    while True:
        while len(children) < workers and not is_ending:
            place = min(set(range(workers)) - set(children.values()))
            child = os.fork()
            if not child:
                os.close(held)
                _serve(shared, place)
            children[child] = place
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        ended, status = os.wait()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        if (left := children.pop(ended, None)) is not None:
            shared.counts.leave(left)
        if is_ending and not children:
            return
        if not is_ending:
            print(f"a process ended ({os.waitstatus_to_exitcode(status)}): another one", flush=True)
            time.sleep(_RESTART_SECONDS)


def _serve(shared: Shared, place: int) -> None:
    """Serve as one process until SIGTERM, or until the first process is gone; never return."""
    status = 1
    try:
        uvloop.run(_answer(shared, place))
        status = 0
    finally:
        sys.stdout.flush()
        os._exit(status)  # what the first process would clean up is not this one's


async def _answer(shared: Shared, place: int) -> None:
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ending.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    loop.add_reader(shared.watched, os._exit, 1)
    queue = Queue(shared.scores, shared.limits, loop, lambda: shared.counts.add(place, -1))
    door = Door(loop, shared.listener, shared.counts, place, lambda: Connection(queue))
    door.open()
    await ending.wait()
    await queue.drain()
    door.close()


def _leave(signum: int, frame: object) -> None:
    sys.exit(0)
