"""What happens when the server starts and stops: kept state, and work to begin or to end."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from typing import Any, Protocol

from ministack import app
from ministack.core import router

_READY: list[Callable[[], None]] = []
_STOP: list[Callable[[], None]] = []

READY_SECONDS = 60.0


class Stateful(Protocol):
    """What ministack saves at a graceful stop and restores at the next start, as JSON."""

    def get_state(self) -> Any:
        """Return the state to save."""

    def load_persisted_state(self, state: Any) -> None:
        """Take over saved state; called before the server listens."""


def add_service(name: str, handler: Callable[..., Any]) -> None:
    """Let a handler answer the requests that are signed for a service."""
    app.SERVICE_HANDLERS[name] = handler
    # Without an entry the router first reads every model of botocore: 5 s and 400 MB.
    router.SERVICE_PATTERNS.setdefault(name, {})


def keep(name: str, service: Stateful) -> None:
    """Save and restore a service beside ministack's own."""
    app._state_map[name] = name
    app._loaded_modules[name] = service


def on_ready(work: Callable[[], None]) -> None:
    """Do this, in a thread of its own, once the server answers requests."""
    _READY.append(work)


def on_stop(work: Callable[[], None]) -> None:
    """Do this when the server has saved its state and ends."""
    _STOP.append(work)


def become_ready(url: str) -> None:
    """Wait for the first answer of the server, then do what waits for it; OSError if none comes."""
    with urllib.request.urlopen(f"{url}/_ministack/health", timeout=READY_SECONDS):  # noqa: S310
        pass
    for work in _READY:
        work()


def stop() -> None:
    """End what was begun."""
    for work in _STOP:
        work()
