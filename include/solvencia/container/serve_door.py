"""Who takes the next connection: of the processes that listen together, the one that holds fewest.

Left alone, whichever process wakes first takes all that wait at the door, and half the machine's
load can be all of one process. The counts lie in memory that the processes share.
"""

from __future__ import annotations

import asyncio
import mmap
import socket
from collections.abc import Callable

PATIENCE_SECONDS = 0.002  # so long another process may take what it has room for
FULL_SECONDS = 0.5
_GONE = 2**30  # the count of a process that does not listen


class Counts:
    """Open connections by process; made before the processes are."""

    def __init__(self, workers: int) -> None:
        self._shared = memoryview(mmap.mmap(-1, 4 * workers)).cast("i")
        for place in range(workers):
            self.leave(place)

    def enter(self, place: int) -> None:
        """Count a process that begins to listen."""
        self._shared[place] = 0

    def leave(self, place: int) -> None:
        """Stop waiting for a process that is not there, or takes nothing any more."""
        self._shared[place] = _GONE

    def add(self, place: int, change: int) -> None:
        """Count connections of a process that were made or lost."""
        self._shared[place] += change

    def has_fewest(self, place: int) -> bool:
        """Whether no other process holds fewer."""
        return self._shared[place] <= min(self._shared)


class Door:
    """Takes connections from a listener for one process, one at a time."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        listener: socket.socket,
        counts: Counts,
        place: int,
        make: Callable[[], asyncio.Protocol],
    ) -> None:
        self._loop = loop
        self._listener = listener
        self._counts = counts
        self._place = place
        self._make = make
        self._has_waited = False
        self._is_open = False
        self._joining: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Begin to take connections."""
        self._is_open = True
        self._counts.enter(self._place)
        self._loop.add_reader(self._listener, self._knock)

    def close(self) -> None:
        """Take no more of them."""
        self._is_open = False
        self._loop.remove_reader(self._listener)
        self._counts.leave(self._place)

    def _knock(self) -> None:
        if not self._has_waited and not self._counts.has_fewest(self._place):
            self._has_waited = True
            self._pause(PATIENCE_SECONDS)
            return
        self._has_waited = False
        try:
            caller, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return  # another process was quicker, or the caller has gone
        except OSError as error:  # no more files may be open: others must close first
            print(f"a connection cannot be taken: {error.strerror}", flush=True)
            self._pause(FULL_SECONDS)
            return
        self._counts.add(self._place, 1)
        joining = self._loop.create_task(self._join(caller))
        self._joining.add(joining)
        joining.add_done_callback(self._joining.discard)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        if self._is_open:
            self._loop.add_reader(self._listener, self._knock)

    async def _join(self, caller: socket.socket) -> None:
        try:
            caller.setblocking(False)
            caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(self._make, caller)
        except OSError:  # it has gone before it began
            self._counts.add(self._place, -1)
            caller.close()
