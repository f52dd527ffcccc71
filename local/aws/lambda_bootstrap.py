"""Run by the bare interpreter of a Lambda function: imports the handler, then answers events.

One JSON object a line: first how to begin, then the invocations; standard output carries the
answers, so whatever the function prints goes to standard error, which is its log.
"""

import importlib
import json
import os
import sys
import time
import traceback
from typing import Any


class Context:
    """What AWS hands to a handler beside the event."""

    def __init__(self, begin: dict[str, Any], call: dict[str, Any]) -> None:
        self.function_name = begin["function_name"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = str(begin["memory"])
        self.invoked_function_arn = call["invoked_function_arn"]
        self.aws_request_id = call["request_id"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        self.client_context = None
        self._deadline = time.time() + call["timeout_ms"] / 1000

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds left before the function is ended."""
        return max(0, int((self._deadline - time.time()) * 1000))


def describe(error: BaseException) -> dict[str, Any]:
    """Shape an error as Lambda does, with the type that Step Functions matches."""
    stack = traceback.format_exception(error)
    return {
        "status": "error",
        "type": type(error).__name__,
        "error": str(error),
        "stack": [line.rstrip("\n") for line in stack],
    }


def load(begin: dict[str, Any]) -> Any:
    """Import the handler from the function's own folder."""
    sys.path.insert(0, begin["code_dir"])
    return getattr(importlib.import_module(begin["module"]), begin["handler"])


def main() -> None:
    """Answer until standard input closes."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.stdout = sys.stderr

    def say(value: dict[str, Any]) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    begin = json.loads(sys.stdin.readline())
    try:
        handler = load(begin)
    except Exception as error:
        say(describe(error))
        return
    say({"status": "ready"})
    for line in sys.stdin:
        call = json.loads(line)
        try:
            say({"status": "ok", "result": handler(call["event"], Context(begin, call["ctx"]))})
        except Exception as error:
            say(describe(error))


if __name__ == "__main__":
    main()
