"""Who acts: the role whose temporary credentials a service works with at this moment."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

_acting: ContextVar[Identity | None] = ContextVar("solvencia_acting", default=None)


@dataclass(frozen=True)
class Identity:
    """Temporary credentials of one role; `uri` is where a container fetches the same."""

    role: str
    access_key: str
    secret_key: str
    token: str
    uri: str


def acting() -> Identity | None:
    """Return who acts; None is the embedded AWS itself."""
    return _acting.get()


@contextlib.contextmanager
def acting_as(identity: Identity | None) -> Iterator[None]:
    """Let every client within act for a role; None changes nothing."""
    mark = _acting.set(identity or _acting.get())
    try:
        yield
    finally:
        _acting.reset(mark)
