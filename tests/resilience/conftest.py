"""A deployed stack of these tests' own, with a model of two instances in service."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.place import Place
from resilience import service
from resilience.cloud import Cloud, running
from resilience.service import Served

ROOT = Path(__file__).resolve().parents[2]
PORTFOLIO = "consumer_credit"


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The checkout, with a working folder and a port that end with the tests."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return Place(ROOT, tmp_path_factory.mktemp("build"), port, 0)


@pytest.fixture(scope="session")
def started(place: Place) -> Iterator[tuple[Cloud, Served]]:
    """The stack that the drills try, and what is in service there."""
    with running(place, print) as found:
        yield found, service.put_in_service(found, PORTFOLIO, 2, print)


@pytest.fixture(scope="session")
def cloud(started: tuple[Cloud, Served]) -> Cloud:
    """The stack that the drills try."""
    return started[0]
