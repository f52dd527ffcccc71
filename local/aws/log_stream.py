"""A container's output, sent to CloudWatch Logs while it runs."""

from __future__ import annotations

import contextvars
import logging
import os
import select
import subprocess
import threading
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from local.aws.clients import client

FLUSH_SECONDS = 0.5
LINES_MAX = 1000
_log = logging.getLogger("log_stream")


class LogStream:
    """Writes lines to one CloudWatch log stream, in their order."""

    def __init__(self, group: str, stream: str) -> None:
        self.group = group
        self.stream = stream
        for create, names in (
            ("create_log_group", {"logGroupName": group}),
            ("create_log_stream", {"logGroupName": group, "logStreamName": stream}),
        ):
            try:
                getattr(client("logs"), create)(**names)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                    raise

    def write(self, lines: list[str]) -> None:
        """Store lines under the present time."""
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line} for line in lines if line.strip()]
        for start in range(0, len(events), LINES_MAX):
            client("logs").put_log_events(
                logGroupName=self.group,
                logStreamName=self.stream,
                logEvents=events[start : start + LINES_MAX],
            )

    def follow(self, child: subprocess.Popen[Any]) -> threading.Thread:
        """Copy a child's stdout until it closes; join the thread to have all of it stored."""
        context = contextvars.copy_context()  # the log is written by whoever began it
        thread = threading.Thread(target=context.run, args=(self._copy, child), daemon=True)
        thread.start()
        return thread

    def _copy(self, child: subprocess.Popen[Any]) -> None:
        if child.stdout is None:
            raise ValueError(f"{self.stream}: start the child with stdout=PIPE")
        pipe, rest, lines, flushed, is_open = child.stdout.fileno(), b"", [], time.monotonic(), True
        poller = select.poll()  # select() itself knows no descriptor above 1,023
        poller.register(pipe, select.POLLIN)
        while is_open:
            if poller.poll(FLUSH_SECONDS * 1000):
                block = os.read(pipe, 65536)
                is_open = bool(block)
                *whole, rest = (rest + block).split(b"\n")
                lines += [line.decode(errors="replace") for line in whole]
            if lines and (time.monotonic() - flushed > FLUSH_SECONDS or len(lines) >= LINES_MAX):
                self._deliver(lines)
                lines, flushed = [], time.monotonic()
        self._deliver([*lines, rest.decode(errors="replace")])
        child.stdout.close()

    def _deliver(self, lines: list[str]) -> None:
        # Whoever stops reading blocks the container as soon as its pipe is full.
        try:
            self.write(lines)
        except (BotoCoreError, ClientError) as error:
            _log.warning("%s %s: %d lines lost: %s", self.group, self.stream, len(lines), error)
