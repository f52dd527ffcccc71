"""Mixed requests, many at a time, while what stands behind the API fails; then the log is read.

Every 200 must be in the log once, every failure say what to do, and no retry decide twice.
"""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resilience import applicants, bodies, fuzz, strikes
from resilience.cloud import Answer, Cloud, Say
from resilience.proxy import Proxy, open_proxy
from resilience.strikes import PHASES, Phase
from solvencia.portfolio import Portfolio

TRIES = 30
HASTE = 10.0  # after a failure clients wait this much less than advised, so that a storm is short
CUT = 0  # the status of a request whose connection was cut
OK, UNKNOWN, BUSY, FAULT = 200, 404, 429, 500
NO_DECISION = "none"  # what is read before there is a decision


@dataclass(frozen=True)
class Wish:
    """What a client wants: one request, tried until it is answered for good."""

    number: int
    kind: str  # keyed, pair, keyless, broken or read
    raw: bytes
    headers: dict[str, str] = field(default_factory=dict)
    statuses: tuple[int, ...] = (OK,)


@dataclass(frozen=True)
class Try:
    """One request on the wire; seconds since the storm began."""

    wish: int
    kind: str
    phase: str
    at: float
    seconds: float
    status: int


@dataclass
class Storm:
    """What happened, and what is wrong with it."""

    wishes: int = 0
    tries: list[Try] = field(default_factory=list)
    begun: list[tuple[float, str, str]] = field(default_factory=list)  # phases, and their strikes
    answers: dict[int, dict[str, Any]] = field(default_factory=dict)  # decisions by wish
    given_up: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    met: Counter[str] = field(default_factory=Counter)  # faults of the proxy
    entries: int = 0  # of the log
    unanswered: int = 0  # entries of requests without a key whose answer was a failure
    seconds: float = 0.0


def run(
    cloud: Cloud,
    product: Portfolio,
    sandboxes: Path,
    count: int,
    at_once: int,
    seed: int,
    say: Say,
    phases: tuple[Phase, ...] = PHASES,
    timeout_seconds: int | None = None,
) -> Storm:
    """Send `count` wishes, `at_once` at a time, through the phases; judge answers and log.

    `timeout_seconds` ends the score function sooner than the deployment does.
    """
    storm, before = Storm(count), set(cloud.logged())
    wishes = list(draw(product, count, seed))
    with open_proxy(int(cloud.address.rpartition(":")[2]), seed) as proxy:
        with strikes.exposed(cloud, proxy, timeout_seconds):
            clients = _Clients(cloud, product, proxy, sandboxes, storm, phases, say)
            with ThreadPoolExecutor(at_once) as pool:
                list(pool.map(clients.fulfil, wishes))
        storm.met = proxy.met
    served = {each.phase for each in storm.tries if each.status == OK}
    storm.faults += [
        f"{each}: nobody was served" for _, each, _ in storm.begun if each not in served
    ]
    storm.seconds = time.monotonic() - clients.started
    log = {key: item for key, item in cloud.logged().items() if key not in before}
    judge_log(storm, wishes, log)
    return storm


def draw(product: Portfolio, count: int, seed: int) -> Iterator[Wish]:
    """Yield wishes: six of ten with a key of their own, two that share one, one without, others."""
    chance = random.Random(seed)  # noqa: S311 - made-up applicants
    broken = itertools.cycle(
        each for each in bodies.draw(product, 400, seed, 70_000) if OK not in each.statuses
    )
    shared = b""
    for number in range(count):
        place, raw = number % 10, json.dumps(applicants.draw(product, chance)).encode()
        person = f"storm-{seed}-{number - number % 2 if place in (6, 7) else number}"
        headers = {"Content-Type": bodies.JSON, "X-Person-Id": person}
        keyed = {**headers, "Idempotency-Key": person}
        if place < 6:
            yield Wish(number, "keyed", raw, keyed)
        elif place < 8:
            shared = raw if place == 6 else shared
            yield Wish(number, "pair", shared, keyed)
        elif place == 8:
            yield Wish(number, "keyless", raw, headers)
        elif number % 20 == 9:
            yield Wish(number, "read", b"")
        else:
            each = next(broken)
            given = {"Content-Type": each.content_type} if each.content_type else {}
            yield Wish(number, "broken", each.raw, {**each.headers, **given}, each.statuses)


class _Clients:
    """All clients of a storm, who also start its phases as they get along."""

    def __init__(
        self,
        cloud: Cloud,
        product: Portfolio,
        proxy: Proxy,
        sandboxes: Path,
        storm: Storm,
        phases: tuple[Phase, ...],
        say: Say,
    ) -> None:
        self.say = say
        self.cloud, self.product, self.proxy, self.storm = cloud, product, proxy, storm
        self.sandboxes = sandboxes
        self.ahead = list(phases)
        self.phase = phases[0].name
        self.begun = 0
        self.lock = threading.Lock()
        self.started = time.monotonic()

    def fulfil(self, wish: Wish) -> None:
        """Send a wish until it is answered for good, waiting as the answers advise."""
        self._advance()
        chance = random.Random(wish.number)  # noqa: S311 - of waiting times
        for _ in range(TRIES):
            path = self._address(wish)
            answer = self._send(wish, path)
            if answer is not None and answer.status != BUSY and answer.status < FAULT:
                self._take(wish, answer, is_unknown=path.endswith(NO_DECISION))
                return
            is_busy = answer is not None and answer.status == BUSY  # nothing was decided
            if wish.kind == "keyless" and not is_busy:  # nobody can tell whether it was decided
                self.storm.given_up.append(wish.kind)
                return
            advice = answer.headers.get("retry-after", "1") if answer else "1"
            seconds = float(advice) / (1 if is_busy else HASTE)
            time.sleep(seconds * (1 + chance.random()))
        self.storm.given_up.append(wish.kind)
        self.storm.faults.append(f"{wish.number} {wish.kind}: not served in {TRIES} tries")

    def _advance(self) -> None:
        """Begin the next phase when it is its turn."""
        with self.lock:
            self.begun += 1
            if not self.ahead or self.begun <= self.ahead[0].since * self.storm.wishes:
                return
            phase = self.ahead.pop(0)
            self.phase = phase.name
            told = strikes.strike(phase, self.cloud, self.proxy, self.product.name, self.sandboxes)
            self.storm.begun.append((time.monotonic() - self.started, phase.name, told))
            self.say(f"request {self.begun:,}: {phase.name} ({told})")

    def _address(self, wish: Wish) -> str:
        if wish.kind != "read":
            return f"/v1/{self.product.name}/score"
        known = [str(each["decision_id"]) for each in self._decided()[-1:]]
        return f"/v1/decisions/{known[0] if known else NO_DECISION}"

    def _send(self, wish: Wish, path: str) -> Answer | None:
        """Send a wish once; None where the connection was cut."""
        phase, since = self.phase, time.monotonic()
        verb = "GET" if wish.kind == "read" else "POST"
        try:
            answer = self.cloud.ask(verb, path, wish.raw or None, wish.headers)
        except (OSError, http.client.HTTPException) as error:
            answer = None
            self.storm.faults.append(f"{wish.number} {wish.kind}: cut off: {type(error).__name__}")
        seconds = time.monotonic() - since
        status = answer.status if answer else CUT
        made = Try(wish.number, wish.kind, phase, since - self.started, seconds, status)
        self.storm.tries.append(made)
        if answer and answer.status != OK:
            told = fuzz.find_problem_faults(answer)
            self.storm.faults += [f"{wish.number} {wish.kind}: {each}" for each in told]
        return answer

    def _take(self, wish: Wish, answer: Answer, *, is_unknown: bool) -> None:
        if answer.status not in ((UNKNOWN,) if is_unknown else wish.statuses):
            self.storm.faults.append(f"{wish.number} {wish.kind}: answered {answer.status}")
        elif answer.status == OK and wish.kind != "read":
            self.storm.answers[wish.number] = answer.json
        elif answer.status == OK:
            given = {key: each for key, each in answer.json.items() if key != "portfolio"}
            if given not in self._decided():
                self.storm.faults.append(f"{wish.number} read: not as it was answered")

    def _decided(self) -> list[dict[str, Any]]:
        return list(self.storm.answers.copy().values())


def judge_log(storm: Storm, wishes: list[Wish], log: dict[str, dict[str, Any]]) -> None:
    """Hold the answers against the log, and the log against the persons."""
    storm.entries = len(log)
    for number, answer in storm.answers.items():
        if not fuzz.is_logged(answer, log.get(answer["decision_id"])):
            storm.faults.append(f"{number}: answered 200, and not logged so")
    persons = Counter(item["person_id"]["S"] for item in log.values())
    storm.faults += [
        f"{person}: {count} decisions in the log" for person, count in persons.items() if count > 1
    ]
    answered = {answer["decision_id"] for answer in storm.answers.values()}
    keyless = {wish.headers["X-Person-Id"] for wish in wishes if wish.kind == "keyless"}
    for decision_id in set(log) - answered:
        if log[decision_id]["person_id"]["S"] in keyless:
            storm.unanswered += 1
        else:
            storm.faults.append(f"{decision_id}: logged, and its client was never told")
    pairs: dict[str, set[str]] = {}
    for wish in wishes:
        if wish.number in storm.answers and wish.kind == "pair":
            given = storm.answers[wish.number]["decision_id"]
            pairs.setdefault(wish.headers["Idempotency-Key"], set()).add(given)
    storm.faults += [f"{key}: two decisions" for key, ids in pairs.items() if len(ids) > 1]
