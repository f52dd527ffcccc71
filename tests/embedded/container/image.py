"""A model image of a few lines: it keeps the container's contracts and can be told to misbehave."""

from __future__ import annotations

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BASE = Path(os.environ.get("SAGEMAKER_BASE_DIR", "/opt/ml"))


def train() -> None:
    told = json.loads((BASE / "input/config/hyperparameters.json").read_text())
    print("training with", sorted(told))
    if "fail" in told:
        (BASE / "output/failure").write_text(told["fail"])
        sys.exit(1)
    time.sleep(float(told.get("sleep", 0)))
    channel = BASE / "input/data/train"
    names = sorted(path.relative_to(channel).as_posix() for path in channel.rglob("*.csv"))
    (BASE / "model/model.json").write_text(json.dumps({"files": names, "answer": told["answer"]}))


def process() -> None:
    text = (BASE / "processing/input/test/rows.csv").read_text()
    if "fail" in sys.argv:
        (BASE / "output").mkdir(exist_ok=True)
        (BASE / "output/message").write_text("the rows are empty")
        sys.exit(3)
    output = BASE / "processing/output"
    output.joinpath("plots").mkdir()
    output.joinpath("metrics.json").write_text(json.dumps({"rows": len(text.splitlines())}))
    output.joinpath("plots/roc.png").write_bytes(b"png")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.reply(503 if os.environ.get("SICK") else 200, {})

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Type"] == "application/jsonlines":
            self.score(content)
            return
        asked = json.loads(content)
        time.sleep(asked.get("sleep", 0))
        model = json.loads((BASE / "model/model.json").read_text())
        status = 409 if asked.get("fingerprint") == "old" else 200
        self.reply(status, {"answer": model["answer"], "pid": os.getpid()})

    def score(self, content: bytes) -> None:
        rows = [json.loads(line)["row"] for line in content.splitlines()]
        if "crash" in rows:
            os._exit(1)
        time.sleep(float(os.environ.get("SLOW", 0)))
        batch = {name: text for name, text in os.environ.items() if "SAGEMAKER_M" in name}
        told = {"batch": len(rows), "pid": os.getpid(), "env": batch}
        lines = [json.dumps({"row": row, **told}) for row in rows]
        self.reply(400 if "refuse" in rows else 200, "\n".join(lines))

    def reply(self, status: int, body: object) -> None:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def serve() -> None:
    address = (os.environ["SAGEMAKER_BIND_HOST"], int(os.environ["SAGEMAKER_BIND_TO_PORT"]))
    ThreadingHTTPServer(address, Handler).serve_forever()


if __name__ == "__main__":
    {"train": train, "serve": serve, "process": process}[sys.argv[1]]()
