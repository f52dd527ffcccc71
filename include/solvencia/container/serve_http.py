"""HTTP/1.1 connections of one server process, parsed by httptools."""

from __future__ import annotations

import asyncio
from collections import deque

import httptools

from solvencia.container.serve_formats import JSON_LINES
from solvencia.container.serve_queue import JSON, Queue, Request

HEADER_BYTES_MAX = 64 * 1024
_PHRASES = {
    200: b"OK", 400: b"Bad Request", 404: b"Not Found", 405: b"Method Not Allowed",
    409: b"Conflict", 413: b"Content Too Large", 415: b"Unsupported Media Type",
    431: b"Request Header Fields Too Large", 500: b"Internal Server Error",
    503: b"Service Unavailable",
}  # fmt: skip


class Connection(asyncio.Protocol):
    """One caller's connection; its requests are answered in their order."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.is_open = False
        self.is_full = False
        self.waiting: deque[tuple[Request, bool]] = deque()
        self.is_busy = False  # a request of this connection is in hand
        self.is_reading = False  # a request has begun and is not yet whole
        self.keeps = True
        self.is_streaming = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self.parser = httptools.HttpRequestParser(self)
        self.is_open = True
        self.queue.callers.add(self)

    def is_flushed(self) -> bool:
        return self.transport.get_write_buffer_size() == 0

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        self.queue.leave(self)
        self._count(reading=False)
        if self.is_busy:
            self._free()
        self.queue.open_requests -= len(self.waiting)
        self.waiting.clear()

    def pause_writing(self) -> None:
        self.is_full = True

    def resume_writing(self) -> None:
        self.is_full = False

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._refuse(400, "no other protocol is spoken here")
        except httptools.HttpParserError:
            self._refuse(400, "the request is not HTTP")

    def on_message_begin(self) -> None:
        self.url = b""
        self.headers: dict[str, str] = {}
        self.header_bytes = 0
        self.parts: list[bytes] = []
        self.body_bytes = 0
        self._count(reading=True)

    def on_url(self, url: bytes) -> None:
        self.url += url
        self._weigh(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")
        self._weigh(len(name) + len(value))

    def on_headers_complete(self) -> None:
        length = self.headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self.queue.limits.body_bytes:
            self._refuse_size()
        elif self.headers.get("expect", "").lower() == "100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, part: bytes) -> None:
        self.body_bytes += len(part)
        if self.body_bytes > self.queue.limits.body_bytes:
            self._refuse_size()
        elif self.is_open:
            self.parts.append(part)

    def on_message_complete(self) -> None:
        if not self.is_open:
            return
        self.is_reading = False  # it stays counted until it is answered
        body = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        self.parts = []
        method = self.parser.get_method().decode("latin-1")
        request = Request(method, self.url.decode("latin-1"), self.headers, body)
        self.waiting.append((request, self.parser.should_keep_alive()))
        if not self.is_busy:
            self._next()
        else:
            self.transport.pause_reading()

    def reply(self, status: int, body: bytes, kind: str = JSON, wait: bool = False) -> None:
        head = self._head(status, kind, b"Content-Length: %d\r\n" % len(body), wait)
        self.transport.write(head + body)
        self._answered()

    def stream(self, part: bytes) -> None:
        head = b""
        if not self.is_streaming:
            self.is_streaming = True
            head = self._head(200, JSON_LINES, b"Transfer-Encoding: chunked\r\n")
        if part:
            self.transport.write(head + b"%x\r\n%b\r\n" % (len(part), part))
        elif head:
            self.transport.write(head)

    def finish(self) -> None:
        self.stream(b"")
        self.transport.write(b"0\r\n\r\n")
        self._answered()

    def abort(self) -> None:
        self.transport.abort()

    def _head(self, status: int, kind: str, length: bytes, wait: bool = False) -> bytes:
        self.keeps = self.keeps and not self.queue.is_draining
        return (
            b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\n%b%b%b\r\n"
            % (
                status,
                _PHRASES[status],
                kind.encode(),
                length,
                b"Retry-After: 1\r\n" if wait else b"",
                b"" if self.keeps else b"Connection: close\r\n",
            )
        )  # fmt: skip

    def _next(self) -> None:
        request, self.keeps = self.waiting.popleft()
        self.is_busy = True
        self.queue.take(self, request)

    def _answered(self) -> None:
        self.is_streaming = False
        self._free()
        if not self.keeps:
            self.transport.close()
        elif self.waiting:
            self._next()
        else:
            self.transport.resume_reading()

    def _free(self) -> None:
        self.is_busy = False
        self.queue.open_requests -= 1

    def _count(self, reading: bool) -> None:
        self.queue.open_requests += reading - self.is_reading
        self.is_reading = reading

    def _weigh(self, size: int) -> None:
        self.header_bytes += size
        if self.header_bytes > HEADER_BYTES_MAX:
            self._refuse(431, "the headers are too long")

    def _refuse_size(self) -> None:
        mebibytes = self.queue.limits.body_bytes / 1024 / 1024
        self._refuse(413, f"a body may have {mebibytes:g} MiB: send fewer rows")

    def _refuse(self, status: int, error: str) -> None:
        """Answer what cannot be read further, and close."""
        if not self.is_open or self.transport.is_closing():
            return
        body = b'{"error":"%b"}' % error.encode()
        self.keeps = False
        if not self.is_busy:  # else the answer would pass for that of the request in hand
            head = self._head(status, JSON, b"Content-Length: %d\r\n" % len(body))
            self.transport.write(head + body)
        self.transport.close()
