"""A load generator: raw keep-alive connections, one request after the other on each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

import uvloop

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Load:
    """What was seen: requests a second, and latencies in milliseconds."""

    per_second: float
    p50_ms: float
    p99_ms: float


def run(port: int, bodies: list[bytes], connections: int, seconds: float, rate: float = 0) -> Load:
    """Post the bodies in turn for some seconds; at `rate` a second, or as fast as answers come.

    A request at a rate is late from the moment it was due. Raises RuntimeError for an answer
    other than 200.
    """
    found: Load = uvloop.run(_run(port, bodies, connections, seconds, rate))
    return found


async def _run(
    port: int, bodies: list[bytes], connections: int, seconds: float, rate: float
) -> Load:
    found: list[float] = []
    started = time.perf_counter()
    dues = (started + place / rate for place in range(int(rate * seconds))) if rate else None
    await asyncio.gather(
        *(
            _ask(port, bodies[place::connections], started + seconds, dues, found)
            for place in range(connections)
        )
    )
    took = time.perf_counter() - started
    found.sort()
    return Load(
        len(found) / took, found[len(found) // 2] * 1000, found[int(len(found) * 0.99)] * 1000
    )


async def _ask(
    port: int, bodies: list[bytes], until: float, dues: Iterator[float] | None, found: list[float]
) -> None:
    reader, writer = await asyncio.open_connection(HOST, port)
    requests = [
        b"POST /invocations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
        for body in bodies
    ]
    place = 0
    while (now := time.perf_counter()) < until:
        due = now
        if dues is not None:
            if (due := next(dues, 0.0)) == 0.0:
                break
            if due > now:
                await asyncio.sleep(due - now)
        writer.write(requests[place % len(requests)])
        place += 1
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head[:16]:
            raise RuntimeError(f"port {port} answered {head.splitlines()[0].decode()}")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        found.append(time.perf_counter() - due)
        if b"connection: close" in head.lower():  # gunicorn's plain workers keep none
            writer.close()
            reader, writer = await asyncio.open_connection(HOST, port)
    writer.close()
