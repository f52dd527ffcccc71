"""A proxy in front of the embedded AWS that throttles, loses answers and cuts lines on demand."""

from __future__ import annotations

import contextlib
import http.client
import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HOP = ("connection", "keep-alive", "transfer-encoding", "content-length", "host")
SECONDS = 60.0
LOG = "DynamoDB_"
WRITE = "PutItem"
INVOCATIONS = "/invocations"


@dataclass(frozen=True)
class Weather:
    """Shares of the calls that meet a fault: `throttled` and `lost` of the log, `cut` of the model.

    A lost write is done, and its answer never comes; a cut answer ends in its middle.
    """

    throttled: float = 0.0
    lost: float = 0.0
    cut: float = 0.0


CLEAR = Weather()


class Proxy(ThreadingHTTPServer):
    """Hands calls on to `port` of this machine, through the weather of the moment."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.port = port
        self.weather = Weather()
        self.met: Counter[str] = Counter()
        self.chance = random.Random(seed)  # noqa: S311 - of faults, not of secrets
        self.lock = threading.Lock()

    @property
    def address(self) -> str:
        """What AWS_ENDPOINT_URL_<SERVICE> is set to."""
        return f"http://127.0.0.1:{self.server_port}"

    def strikes(self, fault: str, share: float) -> bool:
        """Draw whether a call meets a fault, and count it."""
        with self.lock:
            is_struck = self.chance.random() < share
            self.met[fault] += is_struck
        return is_struck

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a caller that was killed in the middle of its call."""


@contextlib.contextmanager
def open_proxy(port: int, seed: int) -> Iterator[Proxy]:
    """Serve a proxy for a block."""
    proxy = Proxy(port, seed)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()


class _Call(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def setup(self) -> None:
        super().setup()
        self.line = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=SECONDS)

    def finish(self) -> None:
        self.line.close()
        super().finish()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target, weather = self.headers.get("X-Amz-Target", ""), self.server.weather
        if target.startswith(LOG) and self.server.strikes("log throttled", weather.throttled):
            kind = "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"
            refusal = json.dumps({"__type": kind, "message": "The level is exceeded"}).encode()
            self._answer(400, {"Content-Type": "application/x-amz-json-1.0"}, refusal)
            return
        headers = {name: text for name, text in self.headers.items() if name.lower() not in HOP}
        self.line.request("POST", self.path, body, headers)
        reply = self.line.getresponse()
        content = reply.read()
        if target.endswith(WRITE) and self.server.strikes("log's answer lost", weather.lost):
            self.close_connection = True
            return
        is_model = self.path.endswith(INVOCATIONS)
        is_cut = is_model and self.server.strikes("model's answer cut", weather.cut)
        self._answer(reply.status, dict(reply.getheaders()), content, is_cut)

    def _answer(
        self, status: int, headers: dict[str, str], content: bytes, is_cut: bool = False
    ) -> None:
        self.send_response(status)
        for name, text in headers.items():
            if name.lower() not in HOP:
                self.send_header(name, text)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if is_cut else content)
        self.close_connection = self.close_connection or is_cut

    def log_message(self, *arguments: object) -> None:
        """Keep quiet."""
