"""The queries at work: each can be interrupted from another thread until it has ended."""

from __future__ import annotations

import threading
import time

from local.aws.athena.session import Session

INTERRUPT_SECONDS = 0.05
lock = threading.Lock()  # held to change a query's state, to interrupt it, to close its connection
_sessions: dict[str, Session] = {}


def begin(session: Session) -> None:
    """Let a query be interrupted from now on."""
    with lock:
        _sessions[session.query_id] = session


def end(session: Session) -> None:
    """Close a query's connection; it can be interrupted no more."""
    with lock:
        del _sessions[session.query_id]
        session.connection.close()


def interrupt(query_id: str) -> None:
    """Interrupt a query, in a thread, until it has ended: DuckDB forgets it between statements."""

    def keep_interrupting() -> None:
        while _interrupt([query_id]):
            time.sleep(INTERRUPT_SECONDS)

    threading.Thread(target=keep_interrupting, name="athena-stop", daemon=True).start()


def interrupt_all() -> None:
    """Interrupt, in a thread, every query that is at work from now until the process ends."""

    def keep_interrupting() -> None:
        while True:
            _interrupt(list(_sessions))
            time.sleep(INTERRUPT_SECONDS)

    threading.Thread(target=keep_interrupting, name="athena-stop-all", daemon=True).start()


def _interrupt(query_ids: list[str]) -> bool:
    with lock:
        found = [_sessions[each] for each in query_ids if each in _sessions]
        for session in found:
            session.connection.interrupt()
    return bool(found)
