"""The form behind a small gateway on 127.0.0.1: the real site handler, and a scripted score.

The address has a stage's prefix, as API Gateway's has. A POST is checked by `request.parse` and
answered as the test says; `tests/flow` asks the deployed endpoint instead.
"""

from __future__ import annotations

import importlib.util
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from solvencia import portfolio, request

ROOT = Path(__file__).resolve().parents[2]
STAGE = "/live"


def load_handler():
    """Import the site function's handler as Lambda does."""
    spec = importlib.util.spec_from_file_location("site_handler", ROOT / "lambdas/site/handler.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.handler


class Gateway:
    """Serves until `close`; `replies` are handed out first, then `decision`.

    A reply is (status, headers, body) or None, which cuts the connection. `posts` keeps each
    POST's (body, headers), `paths` every path that was asked for.
    """

    def __init__(self, decision):
        self.decision = decision
        self.replies = []
        self.posts = []
        self.paths = []
        gateway, handler = self, load_handler()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                gateway.paths.append(self.path)
                address = urlsplit(self.path)
                parts = address.path.removeprefix(f"{STAGE}/apply/").split("/")
                names = dict(zip(("portfolio", "file"), parts, strict=False))
                resource = "/apply/" + "/".join(f"{{{each}}}" for each in names)
                query = dict(parse_qsl(address.query)) or None
                headers = dict(self.headers.items())
                event = {"resource": resource, "pathParameters": names}
                event |= {"queryStringParameters": query}
                reply = handler({**event, "headers": headers}, None)
                self.answer(reply["statusCode"], reply["headers"], reply["body"].encode())

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                gateway.posts.append((body, dict(self.headers.items())))
                reply = gateway.replies.pop(0) if gateway.replies else gateway.score(self, body)
                if reply is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                status, headers, content = reply
                headers = {"Content-Type": "application/json", **headers}
                self.answer(status, headers, json.dumps(content).encode())

            def answer(self, status, headers, content):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 304:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.server.server_port}"

    def page(self, name="consumer_credit", query=""):
        """Return the address of a portfolio's form."""
        return f"{self.origin}{STAGE}/apply/{name}{query}"

    def score(self, handler, body):
        """Answer as the score function does: the decision, or what is wrong by field."""
        name = handler.path.rsplit("/", 1)[-1]
        try:
            request.parse(portfolio.load(name), body)
        except request.InvalidRequest as error:
            return 422, {}, {"title": "Invalid application", "problems": error.problems}
        return 200, {}, self.decision

    def close(self):
        self.server.shutdown()
        self.server.server_close()
