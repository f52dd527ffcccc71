"""Lambdas of Python run in a bare interpreter, and their metrics reach CloudWatch."""

from __future__ import annotations

import io
import json
import os
import subprocess
import threading
import time
import uuid
import zipfile
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime as pool
from ministack.services import cloudwatch, lambda_svc

from local.aws import children
from local.aws.clients import ServiceError
from local.aws.config import Config
from local.aws.iam.roles import assume

BOOTSTRAP = Path(__file__).with_name("lambda_bootstrap.py")
START_SECONDS = 60.0

Result = dict[str, Any]


class StartFault(RuntimeError):
    """A function's process did not come up; `reply` is what its bootstrap said."""

    def __init__(self, reply: Result) -> None:
        super().__init__(reply["error"])
        self.reply = reply


def install(config: Config) -> None:
    """Replace ministack's interpreter for Python runtimes, and count every invocation."""
    work = config.work / "lambda"
    work.mkdir(parents=True, exist_ok=True)

    class BareWorker(pool.Worker):  # type: ignore[misc]
        """One warm process of one function; ministack leases, asks and retires it."""

        def _spawn(self) -> None:
            self._discard_tmpdir()
            self._tmpdir = str(work / f"{self.func_name}-{uuid.uuid4().hex[:8]}")
            code = Path(self._tmpdir) / "code"
            with zipfile.ZipFile(io.BytesIO(self.code_zip)) as archive:
                archive.extractall(code)
            try:
                environment = _environment(self.config, code, config.url)
            except ServiceError as error:
                raise StartFault({"type": error.code, "error": str(error)}) from error
            child: Any = children.spawn(
                [str(config.lambda_python), "-s", "-P", str(BOOTSTRAP)],
                env=environment,
                cwd=code,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                bufsize=1,
            )
            self._proc = child
            self._stderr_queue = pool.queue.Queue()
            self._stderr_thread = threading.Thread(target=self._read_stderr, daemon=True)
            self._stderr_thread.start()
            module, _, handler = self.config["Handler"].rpartition(".")
            begin = {
                "code_dir": str(code),
                "module": module.replace("/", "."),
                "handler": handler,
                "function_name": self.func_name,
                "memory": self.config.get("MemorySize", 128),
            }
            limit = threading.Timer(START_SECONDS, child.kill)
            limit.start()
            child.stdin.write(json.dumps(begin) + "\n")
            line = child.stdout.readline()
            limit.cancel()
            reply = json.loads(line) if line else {"error": "the process ended during its start"}
            if reply.get("status") != "ready":
                child.wait()
                self._stderr_thread.join()
                logged = {"log": self._drain_stderr()}
                raise StartFault({"type": "Runtime.ExitError", **reply, **logged})
            self._start_time = time.time()

    def is_bare(function: Result) -> bool:
        return str(function.get("Runtime", "")).startswith("python")

    stock_class = pool._worker_class_for
    pool._worker_class_for = lambda each: BareWorker if is_bare(each) else stock_class(each)
    stock_warm = lambda_svc._execute_function_warm

    def execute_warm(function: Result, event: Any, request_id: str) -> Result:
        settings = function.get("config") or function
        if not is_bare(settings) or not function.get("code_zip"):
            return dict(stock_warm(function, event, request_id))
        return _execute(settings, function["code_zip"], event, request_id)

    lambda_svc._execute_function_warm = execute_warm
    stock_execute = lambda_svc._execute_function

    def execute_counted(function: Result, event: Any) -> Result:
        settings = function.get("config") or function
        if lambda_svc._function_config_scope_mismatch(settings):
            return dict(stock_execute(function, event))  # comes back here in the right scope
        started = time.monotonic()
        result: Result = stock_execute(function, event)
        count_invocation(
            settings["FunctionName"],
            milliseconds=(time.monotonic() - started) * 1000,
            is_error=bool(result.get("error")),
            is_throttled=bool(result.get("throttle")),
        )
        return result

    lambda_svc._execute_function = execute_counted
    # Stock counts only some of the ways in; `execute_counted` stands where all of them meet.
    lambda_svc._emit_lambda_metrics = lambda *_, **__: None


def count_invocation(
    function: str, *, milliseconds: float, is_error: bool, is_throttled: bool
) -> None:
    """Publish the AWS/Lambda metrics of one invocation and have the alarms judged at once."""
    values = {"Throttles": ("Count", float(is_throttled))}
    if not is_throttled:
        values |= {
            "Invocations": ("Count", 1.0),
            "Errors": ("Count", float(is_error)),
            "Duration": ("Milliseconds", milliseconds),
        }
    dimensions = {"FunctionName": function}
    for name, (unit, value) in values.items():
        cloudwatch.record_metric("AWS/Lambda", name, value, unit, dimensions)
    cloudwatch._evaluate_all_alarms()


def _execute(settings: Result, code: bytes, event: Any, request_id: str) -> Result:
    name, version = settings["FunctionName"], settings.get("Version", "$LATEST")
    lambda_svc._ensure_reaper_thread()
    worker, _ = pool.acquire_worker(name, settings, code, qualifier=version)
    try:
        reply = worker.invoke(event, request_id, invoked_function_arn=settings["FunctionArn"])
    except StartFault as fault:
        pool.invalidate_worker(name, qualifier=version)
        reply = fault.reply
    finally:
        pool.release_worker(worker)
    logged = reply.get("log", "")
    if reply.get("status") == "ok":
        return {"body": reply["result"], "log": logged}
    is_timeout = reply["error"].startswith("Task timed out")
    stack = reply.get("stack", [])
    body = {
        "errorMessage": reply["error"],
        "errorType": "Sandbox.Timedout" if is_timeout else reply.get("type", "Runtime.ExitError"),
        "stackTrace": stack,
    }
    return {
        "body": body,
        "error": True,
        "function_error": "Unhandled",
        "log": "\n".join(filter(None, (logged, *(stack or (reply["error"],))))),
    }


def _environment(settings: Result, code: Path, url: str) -> dict[str, str]:
    """The function's own variables and what AWS sets; nothing of the server's."""
    _, region = pool._account_region_from_function_config(settings)
    name = settings["FunctionName"]
    variables = (settings.get("Environment") or {}).get("Variables") or {}
    identity = assume(settings.get("Role", ""), "lambda.amazonaws.com", settings["FunctionArn"])
    keys = {
        "AWS_ACCESS_KEY_ID": identity.access_key if identity else "test",
        "AWS_SECRET_ACCESS_KEY": identity.secret_key if identity else "test",
        **({"AWS_SESSION_TOKEN": identity.token} if identity else {}),
    }
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        "AWS_ENDPOINT_URL": url,
        **variables,
        **keys,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{settings['Runtime']}",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": settings.get("Version", "$LATEST"),
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(settings.get("MemorySize", 128)),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": uuid.uuid4().hex,
        "LAMBDA_TASK_ROOT": str(code),
        "_HANDLER": settings["Handler"],
    }
