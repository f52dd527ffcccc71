"""Thousands of broken and whole bodies: no 5xx, no 200 that is not logged (`make fuzz`: more)."""

from __future__ import annotations

from typing import Any

import pytest

from resilience import bodies, fuzz
from resilience.cloud import Cloud
from solvencia import portfolio
from tests.resilience.conftest import PORTFOLIO, ROOT

BODIES, REQUESTS = 2500, 300
LONG, TEN_MEGABYTES = 70_000, bodies.TEN_MEGABYTES


@pytest.fixture
def handler(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The score function in this process, as the runtime would load it."""
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    return fuzz.load_handler(ROOT)


def test_no_body_breaks_the_score_function(cloud: Cloud, handler: Any) -> None:
    """Each gets the status that is right for it, each 200 is logged, and nothing else is."""
    product = portfolio.load(PORTFOLIO)
    tally = fuzz.against_handler(cloud, handler, product, BODIES, seed=1, longest=LONG)

    assert not tally.faults, "\n".join(tally.lines())
    assert tally.attempts == BODIES
    assert len(tally.decided) >= BODIES // 20
    assert {kind for kind, _ in tally.counts} >= {*bodies.KINDS, "whole", "too long", "header"}


def test_no_body_breaks_the_gateway(cloud: Cloud) -> None:
    """The same by HTTP, ten megabytes among them."""
    product = portfolio.load(PORTFOLIO)
    tally = fuzz.against_gateway(cloud, product, REQUESTS, seed=2, longest=TEN_MEGABYTES)

    assert not tally.faults, "\n".join(tally.lines())
    assert tally.attempts == REQUESTS
    assert tally.counts["too long", 413] >= 1
    assert len(tally.decided) >= REQUESTS // 20


def test_the_same_seed_draws_the_same_bodies() -> None:
    """A fault that was found can be found again."""
    product = portfolio.load("german_loans")
    first, again, other = (list(bodies.draw(product, 500, seed, LONG)) for seed in (1, 1, 2))

    assert first == again
    assert first != other


def test_an_unlogged_answer_is_found_out() -> None:
    """The drill would notice what it is there to notice."""
    answer = {
        "pd": 0.1, "points": 600, "decision": "approve", "decided_at": "t", "person_id": "p",
        "model": {"digest": "d"}, "code_digest": "c", "policy_digest": "y",
        "reasons": [{"code": "R01"}],
    }  # fmt: skip
    item = {
        "pd": {"N": "0.1"}, "points": {"N": "600"}, "decision": {"S": "approve"},
        "decided_at": {"S": "t"}, "person_id": {"S": "p"}, "model_digest": {"S": "d"},
        "code_digest": {"S": "c"}, "policy_digest": {"S": "y"},
        "reasons": {"L": [{"M": {"code": {"S": "R01"}}}]},
    }  # fmt: skip

    assert fuzz.is_logged(answer, item)
    assert not fuzz.is_logged(answer, None)
    for change in ({"pd": 0.2}, {"decided_at": "u"}, {"person_id": "q"}, {"reasons": []}):
        assert not fuzz.is_logged({**answer, **change}, item)
