from __future__ import annotations

import asyncio
import socket

import pytest

from solvencia.container.serve_door import Counts, Door


class Held(asyncio.Protocol):
    """A connection that one process holds; what is lost is told."""

    def __init__(self, counts: Counts, place: int, held: list[asyncio.BaseTransport]) -> None:
        self.counts, self.place, self.held = counts, place, held

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.held.append(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.counts.add(self.place, -1)


async def until(condition) -> None:
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came to be")


async def knock(listening: tuple[bool, ...], callers: int) -> list[list[asyncio.BaseTransport]]:
    """Connect so many callers at once; return what each process holds (one loop plays them all)."""
    loop = asyncio.get_running_loop()
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    counts = Counts(len(listening))
    held: list[list[asyncio.BaseTransport]] = [[] for _ in listening]
    doors = [
        Door(loop, listener.dup(), counts, place, lambda at=place: Held(counts, at, held[at]))
        for place, is_listening in enumerate(listening)
        if is_listening
    ]
    for each in doors:
        each.open()
    lines = [socket.create_connection(listener.getsockname()) for _ in range(callers)]
    await until(lambda: sum(map(len, held)) == callers)
    for each in doors:
        each.close()
    for line in lines:
        line.close()
    return held


@pytest.mark.parametrize("processes", [2, 3])
def test_connections_are_spread_evenly(processes):
    """However they come, no process holds more connections than another can spare."""
    held = asyncio.run(knock((True,) * processes, 12))

    assert [len(each) for each in held] == [12 // processes] * processes


def test_a_process_that_is_gone_is_not_waited_for():
    """Connections are all taken where only one of the processes listens."""
    held = asyncio.run(knock((True, False), 6))

    assert [len(each) for each in held] == [6, 0]
