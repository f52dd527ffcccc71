"""A container's output is read to its end, whatever CloudWatch Logs answers."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import uuid
from typing import Any

import pytest

from local.aws import clients
from local.aws.log_stream import LogStream


def test_a_refused_delivery_does_not_block_the_container(
    server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """More than a pipe holds is read though the log group is gone; a warning counts the loss."""
    clients.connect(server.url)
    group = f"/test/{uuid.uuid4().hex[:8]}"
    stream = LogStream(group, "container")
    server.client("logs").delete_log_group(logGroupName=group)
    program = "for n in range(30_000): print('line', n)"
    with (
        caplog.at_level(logging.WARNING, "log_stream"),
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as child,
    ):
        copied = stream.follow(child)
        code = child.wait(30)
        copied.join(30)

    assert code == 0
    assert not copied.is_alive()
    assert f"{group} container: " in caplog.text
    assert "ResourceNotFoundException" in caplog.text


def test_output_is_read_by_a_server_with_a_thousand_open_files(server: Any) -> None:
    """A storm of requests opens that many, and no container may be left unread in it."""
    clients.connect(server.url)
    group = f"/test/{uuid.uuid4().hex[:8]}"
    taken = [os.dup(0) for _ in range(1100)]
    try:
        stream = LogStream(group, "container")
        command = [sys.executable, "-c", "print('last words')"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            stream.follow(child).join(30)
    finally:
        for each in taken:
            os.close(each)
    events = server.client("logs").get_log_events(logGroupName=group, logStreamName="container")

    assert [each["message"] for each in events["events"]] == ["last words"]
