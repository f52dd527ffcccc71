"""Lambdas run in a bare interpreter with an environment of their own, and are counted."""

from __future__ import annotations

import io
import json
import time
import zipfile

import pytest

HANDLER = """
import os, sys, time, json
calls = 0

class PermanentFault(ValueError):
    pass

def handle(event, context):
    global calls
    calls += 1
    if event.get("do") == "raise":
        raise PermanentFault("the part does not exist")
    if event.get("do") == "import":
        import duckdb
    time.sleep(event.get("sleep", 0))
    print("called", calls)
    return {
        "version": VERSION,
        "pid": os.getpid(),
        "calls": calls,
        "environment": sorted(os.environ),
        "greeting": os.environ["GREETING"],
        "path": sys.path,
        "remaining": context.get_remaining_time_in_millis(),
    }
"""


def packed(version):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("handler.py", HANDLER.replace("VERSION", repr(version)))
    return content.getvalue()


@pytest.fixture(scope="module")
def function(aws):
    aws("lambda").create_function(
        FunctionName="bare",
        Runtime="python3.12",
        Role="arn:aws:iam::000000000000:role/lambda",
        Handler="handler.handle",
        Code={"ZipFile": packed(1)},
        Environment={"Variables": {"GREETING": "hello"}},
        Timeout=2,
    )
    return "bare"


@pytest.fixture
def invoke(aws, function):
    def call(**event):
        response = aws("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        return response.get("FunctionError"), json.load(response["Payload"])

    return call


def test_the_environment_is_the_function_s_own(invoke):
    """Nothing of the server's environment or packages reaches a function."""
    _, answer = invoke()

    foreign = [
        name
        for name in answer["environment"]
        if not name.startswith(("AWS_", "LAMBDA_"))
        and name not in ("GREETING", "LANG", "LC_CTYPE", "PATH", "TZ", "_HANDLER")
    ]
    assert foreign == []
    assert answer["greeting"] == "hello"
    assert not [each for each in answer["path"] if "embedded" in each]
    assert 0 < answer["remaining"] <= 2000


def test_a_library_that_is_not_in_the_zip_is_missing(invoke):
    """duckdb is the server's, so a function must bundle it."""
    error, answer = invoke(do="import")

    assert error == "Unhandled"
    assert answer["errorType"] == "ModuleNotFoundError"
    assert answer["errorMessage"] == "No module named 'duckdb'"


def test_the_process_stays_warm_until_the_code_changes(aws, function, invoke):
    """Calls reuse the process; UpdateFunctionCode takes effect at the next call."""
    first, second = invoke()[1], invoke()[1]
    aws("lambda").update_function_code(FunctionName=function, ZipFile=packed(2))
    third = invoke()[1]

    assert first["pid"] == second["pid"]
    assert second["calls"] == first["calls"] + 1
    assert (second["version"], third["version"]) == (1, 2)


def test_an_error_keeps_its_type(invoke):
    """Step Functions matches the type, so it is the exception's own."""
    error, answer = invoke(do="raise")

    assert error == "Unhandled"
    assert (answer["errorType"], answer["errorMessage"]) == (
        "PermanentFault",
        "the part does not exist",
    )


def test_a_timeout_is_enforced(invoke):
    """A function that runs over its time is ended."""
    started = time.monotonic()
    error, answer = invoke(sleep=30)

    assert error == "Unhandled"
    assert "Task timed out after 2.00 seconds" in answer["errorMessage"]
    assert time.monotonic() - started < 10


def test_invocations_and_errors_are_counted_once(aws, function, invoke):
    """Each invocation is one datapoint of its function."""

    def count(metric):
        statistics = aws("cloudwatch").get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName=metric,
            Dimensions=[{"Name": "FunctionName", "Value": function}],
            StartTime=time.time() - 3600,
            EndTime=time.time() + 60,
            Period=7200,
            Statistics=["Sum"],
        )
        return sum(each["Sum"] for each in statistics["Datapoints"])

    invoke()
    before = count("Invocations"), count("Errors")
    invoke()
    invoke(do="raise")
    after = count("Invocations"), count("Errors")

    assert after == (before[0] + 2, before[1] + 1)


def test_an_error_raises_the_alarm_of_its_function(aws, function, invoke, wait_until):
    """The alarm on Errors goes to ALARM; that of another function does not."""
    for name in (function, "innocent"):
        aws("cloudwatch").put_metric_alarm(
            AlarmName=f"{name}-errors",
            Namespace="AWS/Lambda",
            MetricName="Errors",
            Dimensions=[{"Name": "FunctionName", "Value": name}],
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=0,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="notBreaching",
        )
    invoke(do="raise")

    def state(name):
        alarms = aws("cloudwatch").describe_alarms(AlarmNames=[f"{name}-errors"])
        return alarms["MetricAlarms"][0]["StateValue"]

    assert wait_until(lambda: state(function) == "ALARM")
    assert state("innocent") != "ALARM"
