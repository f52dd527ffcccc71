"""Messages to an address arrive as mail, and alarms send them by themselves."""

from __future__ import annotations

import email
import email.policy
import io
import urllib.error
import urllib.request
import uuid
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.aws import mail

FAILING = b"def handler(event, context):\n    raise ValueError('asked to fail')\n"


@pytest.fixture
def topic(aws: Callable[[str], Any]) -> tuple[str, str]:
    """A topic with one e-mail subscription: its ARN and the address."""
    name = f"alerts-{uuid.uuid4().hex[:8]}"
    arn = aws("sns").create_topic(Name=name)["TopicArn"]
    address = f"{name}@example.com"
    aws("sns").subscribe(TopicArn=arn, Protocol="email", Endpoint=address)
    return arn, address


@pytest.fixture
def mails(server: Any, topic: tuple[str, str]) -> Callable[[], list[Any]]:
    """Reads the messages to the topic's address, oldest first."""

    def read() -> list[Any]:
        files = sorted((server.state / "mailbox").glob("*.eml"))
        found = [
            email.message_from_bytes(each.read_bytes(), policy=email.policy.default)
            for each in files
        ]
        return [each for each in found if each["To"] == topic[1]]

    return read


def test_a_message_becomes_a_file_and_a_page(
    server: Any, aws: Callable[[str], Any], topic: tuple[str, str], mails: Callable[[], list[Any]]
) -> None:
    """What is published lies in the mailbox, and its page escapes what a sender wrote."""
    aws("sns").publish(TopicArn=topic[0], Subject="Train <failed>", Message="día 1 <b>")
    (received,) = mails()

    assert received["Subject"] == "Train <failed>"
    assert received.get_content().startswith("día 1 <b>\r\n")
    base = f"{server.url}/_mailbox"
    listing = urllib.request.urlopen(base).read().decode()
    assert "Train &lt;failed&gt;" in listing
    name = max(each.name for each in (server.state / "mailbox").glob("*.eml"))
    assert "día 1 &lt;b&gt;" in urllib.request.urlopen(f"{base}/{name}").read().decode()
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{base}/..%2F..%2Fserver.log")


def test_each_mail_is_told_on_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each mail, with subject, address and file; the names sort by time."""
    arn = "arn:aws:sns:us-east-1:000000000000:alerts"
    paths = [
        mail.deliver(tmp_path, arn, "a@example.com", subject, "body") for subject in ("one", "")
    ]

    assert capsys.readouterr().out == (
        f"mail: one -> a@example.com ({paths[0].name})\n"
        f"mail: AWS Notification Message -> a@example.com ({paths[1].name})\n"
    )
    assert sorted(tmp_path.iterdir()) == paths


def test_a_failing_lambda_raises_its_own_alarm_once(
    aws: Callable[[str], Any],
    topic: tuple[str, str],
    mails: Callable[[], list[Any]],
    wait_until: Callable[..., Any],
) -> None:
    """Its errors raise one mail while the alarm lasts; another function's errors raise none."""
    names = [f"fails-{uuid.uuid4().hex[:8]}" for _ in range(2)]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("handler.py", FAILING)
    for name in names:
        aws("lambda").create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role="arn:aws:iam::000000000000:role/x",
            Handler="handler.handler",
            Code={"ZipFile": code.getvalue()},
        )
        aws("cloudwatch").put_metric_alarm(
            AlarmName=name,
            Namespace="AWS/Lambda",
            MetricName="Errors",
            Dimensions=[{"Name": "FunctionName", "Value": name}],
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
            TreatMissingData="notBreaching",
            AlarmActions=[topic[0]],
        )
    aws("lambda").invoke(FunctionName=names[0])
    wait_until(mails)
    aws("lambda").invoke(FunctionName=names[0])
    judged = [{"MetricName": "any", "Value": 1}]
    aws("cloudwatch").put_metric_data(Namespace="any", MetricData=judged)  # judges every alarm

    assert [each["Subject"] for each in mails()] == [f'ALARM: "{names[0]}" in us-east-1']
    assert [_state(aws, name) for name in names] == ["ALARM", "OK"]


def test_an_alarm_recovers_when_the_data_stops(
    aws: Callable[[str], Any],
    topic: tuple[str, str],
    mails: Callable[[], list[Any]],
    wait_until: Callable[..., Any],
) -> None:
    """With missing data not breaching, the state returns to OK without a new datapoint."""
    name = f"brief-{uuid.uuid4().hex[:8]}"
    _put_alarm(aws, name, topic[0], Period=10, TreatMissingData="notBreaching")

    def told() -> list[str]:
        return [each["Subject"].split(":")[0] for each in mails()]

    def is_raised() -> bool:  # on a stalled machine the datapoint can come too late: put another
        old = datetime.now(UTC) - timedelta(seconds=8)  # two seconds more, and the period is over
        metrics = [{"MetricName": "m", "Value": 5, "Timestamp": old}]
        aws("cloudwatch").put_metric_data(Namespace=name, MetricData=metrics)
        return "ALARM" in told()

    wait_until(is_raised)
    wait_until(lambda: told()[-2:] == ["ALARM", "OK"])

    assert _state(aws, name) == "OK"


def test_data_that_never_comes_breaches(
    aws: Callable[[str], Any],
    topic: tuple[str, str],
    mails: Callable[[], list[Any]],
    wait_until: Callable[..., Any],
) -> None:
    """With missing data breaching, silence alone raises the alarm."""
    name = f"silent-{uuid.uuid4().hex[:8]}"
    _put_alarm(aws, name, topic[0], Period=60, TreatMissingData="breaching")
    wait_until(mails)

    assert _state(aws, name) == "ALARM"


def _put_alarm(aws: Callable[[str], Any], name: str, topic: str, **rules: Any) -> None:
    aws("cloudwatch").put_metric_alarm(
        AlarmName=name,
        Namespace=name,
        MetricName="m",
        Statistic="Maximum",
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        AlarmActions=[topic],
        OKActions=[topic],
        **rules,
    )


def _state(aws: Callable[[str], Any], name: str) -> str:
    (alarm,) = aws("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    return str(alarm["StateValue"])
