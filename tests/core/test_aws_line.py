from __future__ import annotations

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from solvencia import aws_line
from solvencia.aws_calls import DynamoDB
from solvencia.aws_line import ConditionFailed, Patience, Refused, Service, TimedOut, Unreached
from solvencia.settings import MissingSetting

PATIENCE = Patience(connect_seconds=1, read_seconds=0.3, attempts=2)
THROTTLED = (400, {"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException"})
FAILED = (500, {"message": "no"})
FOUND = (200, {"Item": {"pd": {"N": "0.5"}, "input": {"B": "AAE="}, "B": {"S": "b"}}})


class Answering(BaseHTTPRequestHandler):
    """Gives the server's answers in turn; a number is seconds of silence, None a hang-up."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append(self.headers)
        answer = self.server.answers.pop(0)
        if answer is None or isinstance(answer, float):
            time.sleep(answer or 0)
            self.close_connection = True
            return
        status, body = answer
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = self.server.hangs_up

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def service(monkeypatch):
    """A service on this machine, and the environment of a function that asks it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    server.answers, server.seen, server.hangs_up = [], [], False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{server.server_port}")
    yield server
    server.shutdown()
    server.server_close()


def ask(client: DynamoDB) -> dict:
    return client.get_item(TableName="t", Key={"id": {"S": "1"}})


def test_items_come_as_boto3_gives_them(service):
    """Binary values are bytes, and a member that is called B is none."""
    service.answers = [FOUND]

    assert ask(DynamoDB(PATIENCE)) == {
        "Item": {"pd": {"N": "0.5"}, "input": {"B": b"\x00\x01"}, "B": {"S": "b"}}
    }


@pytest.mark.parametrize("fault", [THROTTLED, FAILED, None, 0.5])
def test_what_may_pass_is_tried_once_more(service, fault):
    """Throttling, a fault of the service, a hang-up and silence do not fail the call at once."""
    service.answers = [fault, FOUND]

    assert "Item" in ask(DynamoDB(PATIENCE))
    assert len(service.seen) == 2


@pytest.mark.parametrize(
    ("fault", "expected"),
    [(THROTTLED, Refused), (FAILED, Refused), (None, Unreached), (0.5, TimedOut)],
)
def test_what_does_not_pass_is_raised(service, fault, expected):
    """After the last try the fault says what it was."""
    service.answers = [fault, fault]

    with pytest.raises(expected):
        ask(DynamoDB(PATIENCE))


def test_a_refusal_is_not_tried_again(service):
    """What is forbidden stays so; the code is read without its name space."""
    denied = {"__type": "com.amazon.coral.service#AccessDeniedException", "Message": "no"}
    service.answers = [(400, denied)]

    with pytest.raises(Refused) as caught:
        ask(DynamoDB(PATIENCE))

    assert (caught.value.code, caught.value.message) == ("AccessDeniedException", "no")
    assert len(service.seen) == 1


def test_a_condition_that_fails_has_its_own_error(service):
    """The log tells a decision that stands there already from any other fault."""
    service.answers = [(400, {"__type": "x#ConditionalCheckFailedException"})]
    client = DynamoDB(PATIENCE)

    with pytest.raises(client.exceptions.ConditionalCheckFailedException) as caught:
        client.put_item(TableName="t", Item={"input": {"B": b"\x00"}})

    assert isinstance(caught.value, ConditionFailed)


def test_a_connection_is_kept_and_replaced_where_the_service_hung_up(service):
    """A function that was frozen finds its connection closed, and loses no call by it."""
    once = Patience(connect_seconds=1, read_seconds=1, attempts=1)
    client = DynamoDB(once)
    service.answers = [FOUND] * 4
    ask(client)
    ask(client)
    service.hangs_up = True
    ask(client)
    time.sleep(0.1)

    assert "Item" in ask(client)


def test_nobody_there(service, monkeypatch):
    """Where nothing listens the service is not reached."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{port}")

    with pytest.raises(Unreached):
        ask(DynamoDB(PATIENCE))


def test_credentials_are_asked_for_by_name(service, monkeypatch):
    """Without a role's credentials the error says which variable is missing."""
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(MissingSetting, match="AWS_SECRET_ACCESS_KEY"):
        ask(DynamoDB(PATIENCE))


def test_a_session_token_goes_along(service, monkeypatch):
    """A role's credentials are three, and the third is signed too."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    service.answers = [FOUND]
    ask(DynamoDB(PATIENCE))

    (headers,) = service.seen
    assert headers["X-Amz-Security-Token"] == "token"
    assert "x-amz-security-token" in headers["Authorization"]


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({"AWS_REGION": "eu-west-1"}, "https://runtime.sagemaker.eu-west-1.amazonaws.com"),
        ({"AWS_REGION": "cn-north-1"}, "https://runtime.sagemaker.cn-north-1.amazonaws.com.cn"),
        ({"AWS_ENDPOINT_URL": "http://here"}, "http://here"),
        (
            {"AWS_ENDPOINT_URL": "http://here", "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": "http://x"},
            "http://x",
        ),
    ],
)
def test_addresses_are_aws_own_unless_named(env, expected):
    """The environment names addresses as it does for boto3."""
    service = Service("sagemaker-runtime", "runtime.sagemaker", "sagemaker")

    assert service.address(env) == expected


def test_regions_come_from_the_runtime():
    """Without a region there is no address to guess."""
    with pytest.raises(MissingSetting, match="AWS_DEFAULT_REGION"):
        aws_line.region({})
