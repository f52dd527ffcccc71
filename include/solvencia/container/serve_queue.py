"""The work of one server process: a bounded queue, taken in turns, and drained at the end."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from solvencia.container import serve_formats
from solvencia.container.serve_scores import Refusal, Scores

JSON = "application/json"
SLICE_SECONDS = 0.004  # a batch lets others have their turn after so long
GRACE_SECONDS = 0.25  # in which a drained server still tells /ping that it is ending
DRAIN_SECONDS = 30.0
_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"


@dataclass(frozen=True)
class Limits:
    """What one process takes; `fingerprint` is a transform job's, whose requests name none."""

    queue: int = 64  # requests in hand
    body_bytes: int = 100 * 1024 * 1024  # the most that a batch transform sends
    wait_seconds: float = 5.0  # in the queue; nobody waits longer for a score
    fingerprint: str = ""

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Limits:
        """Read SOLVENCIA_QUEUE, _BODY_MIB, _WAIT_SECONDS and _FINGERPRINT where they are set."""
        return cls(
            queue=int(env.get("SOLVENCIA_QUEUE") or cls.queue),
            body_bytes=int(float(env.get("SOLVENCIA_BODY_MIB") or 100) * 1024 * 1024),
            wait_seconds=float(env.get("SOLVENCIA_WAIT_SECONDS") or cls.wait_seconds),
            fingerprint=env.get("SOLVENCIA_FINGERPRINT", ""),
        )


@dataclass(frozen=True)
class Request:
    """One HTTP request, whole; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Caller(Protocol):
    """The connection that a request came by."""

    is_open: bool
    is_full: bool

    def is_flushed(self) -> bool:
        """Whether all that was sent has left."""

    def reply(self, status: int, body: bytes, kind: str = JSON, wait: bool = False) -> None:
        """Send a whole answer."""

    def stream(self, part: bytes) -> None:
        """Send a part of an answer of JSON lines."""

    def finish(self) -> None:
        """End a streamed answer."""

    def abort(self) -> None:
        """Cut a streamed answer off, so that nobody takes it for whole."""


@dataclass
class Job:
    """A request in hand."""

    caller: Caller
    request: Request
    since: float
    parts: Iterator[bytes | None] | None = None
    is_stream: bool = False
    begun: bool = field(default=False)


class Queue:
    """Takes requests, answers them in turns; `is_draining` after SIGTERM."""

    def __init__(
        self,
        scores: Scores,
        limits: Limits,
        loop: asyncio.AbstractEventLoop,
        on_leave: Callable[[], None] = lambda: None,
    ) -> None:
        self.scores = scores
        self.limits = limits
        self.loop = loop
        self.is_draining = False
        self.jobs: deque[Job] = deque()
        self.open_requests = 0  # begun by a caller and not yet answered
        self.callers: set[Caller] = set()
        self.on_leave = on_leave

    def leave(self, caller: Caller) -> None:
        """Forget a connection that is lost."""
        self.callers.discard(caller)
        self.on_leave()

    def take(self, caller: Caller, request: Request) -> None:
        """Answer at once, or put the request into the queue."""
        path = request.path.split("?")[0]
        if path == "/ping" and request.method == "GET":
            status = 503 if self.is_draining else 200
            caller.reply(status, b'{"status":"%s"}' % (b"ok" if status == 200 else b"draining"))
        elif path not in ("/ping", "/invocations"):
            caller.reply(404, _error("there are /ping and /invocations"))
        elif path == "/ping" or request.method != "POST":
            caller.reply(405, _error("GET /ping or POST /invocations"))
        elif len(self.jobs) >= self.limits.queue:
            caller.reply(503, _error("too many requests are waiting: try again"), wait=True)
        else:
            self.jobs.append(Job(caller, request, time.monotonic()))
            if len(self.jobs) == 1:
                self.loop.call_soon(self._work)

    def _work(self) -> None:
        job = self.jobs[0]
        try:
            is_done = self._advance(job)
        except Refusal as refusal:
            is_done = True
            if job.begun:  # its status has been sent: a body that breaks off is all that is left
                print("request failed: its body cannot be read to the end", flush=True)
                job.caller.abort()
            else:
                job.caller.reply(refusal.status, msgspec.json.encode(refusal.body))
        except Exception as error:  # one request must not end the others; no values in the log
            is_done = True
            print(f"request failed: {type(error).__name__}", flush=True)
            if job.begun:
                job.caller.abort()
            else:
                job.caller.reply(500, _error(f"{type(error).__name__}: see the server's log"))
        if is_done:
            self.jobs.popleft()
        else:
            self.jobs.rotate(-1)
        if self.jobs:
            # All wait for their callers to read: look again a little later.
            is_stuck = all(each.caller.is_full and each.caller.is_open for each in self.jobs)
            self.loop.call_later(0.002, self._work) if is_stuck else self.loop.call_soon(self._work)

    def _advance(self, job: Job) -> bool:
        """Work on a job for a slice of time; tell whether it is done."""
        if not job.caller.is_open:
            return True
        if job.caller.is_full:
            return False
        if job.parts is None:
            if time.monotonic() - job.since > self.limits.wait_seconds:
                job.caller.reply(503, _error("the request waited too long: try again"), wait=True)
                return True
            self._start(job)
        assert job.parts is not None  # noqa: S101 - set by _start
        until = time.monotonic() + SLICE_SECONDS
        lines: list[bytes] = []
        for part in job.parts:
            if part is not None:
                lines.append(part)
            if time.monotonic() > until:
                break
        else:
            self._send(job, lines)
            if job.is_stream:
                job.caller.finish()
            return True
        self._send(job, lines)
        return False

    def _send(self, job: Job, lines: list[bytes]) -> None:
        if not lines:
            return
        if job.is_stream:
            job.begun = True
            job.caller.stream(b"".join(lines))
        else:
            job.caller.reply(200, lines[0])

    def _start(self, job: Job) -> None:
        headers = job.request.headers
        kind = headers.get("content-type", "").split(";")[0].strip().lower()
        if kind == JSON:
            job.parts = self.scores.answer(job.request.body)
            return
        if kind not in serve_formats.FORMATS:
            known = ", ".join((JSON, *serve_formats.FORMATS))
            raise Refusal(415, f"send Content-Type {known}")
        named = _attribute(headers.get(_ATTRIBUTES, ""), "fingerprint") or self.limits.fingerprint
        if not named:
            raise Refusal(
                400,
                "name the portfolio's fingerprint: X-Amzn-SageMaker-Custom-Attributes: "
                "fingerprint=<hex>, or SOLVENCIA_FINGERPRINT in the model's environment",
            )
        self.scores.check_fingerprint(named)
        job.is_stream = True
        job.parts = serve_formats.answer(self.scores, kind, job.request.body)

    async def drain(self) -> None:
        """Return when everything begun is answered, at the latest after DRAIN_SECONDS."""
        self.is_draining = True
        started = time.monotonic()
        while (waited := time.monotonic() - started) < DRAIN_SECONDS:
            is_flushed = all(each.is_flushed() for each in self.callers)
            if waited > GRACE_SECONDS and not self.open_requests and is_flushed:
                return
            await asyncio.sleep(0.02)


def _attribute(text: str, name: str) -> str:
    for each in text.split(","):
        key, _, value = each.partition("=")
        if key.strip() == name:
            return value.strip()
    return ""


def _error(text: str) -> bytes:
    body: bytes = msgspec.json.encode({"error": text})
    return body
