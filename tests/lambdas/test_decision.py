"""From an application to a logged decision, with a model in service in the embedded AWS."""

from __future__ import annotations

import hashlib
import json
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from solvencia import decision_log, person_key, policy, portfolio
from solvencia.sealing import Tampered
from tests.lambdas.conftest import Deployed
from tests.lambdas.serving import serve
from tests.lambdas.test_clean import SETTINGS
from tests.lambdas.test_score import APPLICATION

READ = {**APPLICATION, "monthly_income_usd": 4200.0}  # as the function reads it
LOGGED = {
    "decision_id",
    "portfolio",
    "person_id",
    "model_digest",
    "model_period",
    "code_digest",
    "policy_digest",
    "policy",
    "fingerprint",
    "pd",
    "points",
    "band",
    "decision",
    "reasons",
    "input_sha256",
    "input",
    "language",
    "decided_at",
    "expires_at",
}


@pytest.fixture(scope="module")
def served(stack: Deployed) -> Iterator[Deployed]:
    """A model trained on cleaned rows, in service; taken down afterwards."""
    yield from serve(stack)


def item_of(stack: Deployed, decision_id: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.client("dynamodb").get_item(
        TableName=SETTINGS.decisions_table, Key={"decision_id": {"S": decision_id}}
    )["Item"]
    return found


def unseal(stack: Deployed, decision_id: str) -> dict[str, Any] | decision_log.Erased:
    clients = stack.client("dynamodb"), stack.client("kms")
    return decision_log.unseal_input(*clients, SETTINGS, decision_id)


def key() -> str:
    return uuid.uuid4().hex


def count(stack: Deployed) -> int:
    counted: int = stack.client("dynamodb").scan(TableName=SETTINGS.decisions_table)["Count"]
    return counted


@contextmanager
def without(stack: Deployed, service: str, code: str) -> Iterator[None]:
    """Have the score function meet a service that answers with an error alone."""

    class Refusing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            content = json.dumps({"__type": f"com.amazonaws#{code}", "message": "no"}).encode()
            self.send_response(400)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    functions, name = stack.client("lambda"), "solvencia-score"
    known = functions.get_function_configuration(FunctionName=name)["Environment"]
    address = {f"AWS_ENDPOINT_URL_{service}": f"http://127.0.0.1:{server.server_port}"}
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**known["Variables"], **address}}
    )
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment=known)
        server.shutdown()


def test_a_decision_is_answered_and_logged(served: Deployed) -> None:
    """The entry agrees with the answer, and ties it to the input, the model, code and policy."""
    status, headers, answer = served.score(APPLICATION)
    item = item_of(served, answer["decision_id"])
    product = portfolio.load("consumer_credit")
    canonical = json.dumps(READ, sort_keys=True, separators=(",", ":"))

    assert status == 200
    assert headers["content-language"] == "en"
    assert set(item) == LOGGED
    assert float(item["pd"]["N"]) == answer["pd"]
    assert answer["band"] == policy.find_band(product.bands, answer["points"]).name
    assert item["decision"]["S"] == answer["decision"]
    assert item["model_digest"]["S"] == answer["model"]["digest"]
    assert item["code_digest"]["S"] == answer["code_digest"]
    assert item["policy_digest"]["S"] == answer["policy_digest"] == product.policy_digest
    assert policy.read(item["policy"]["S"]) == product.bands
    assert item["fingerprint"]["S"] == product.fingerprint
    assert [each["M"]["code"]["S"] for each in item["reasons"]["L"]] == [
        each["code"] for each in answer["reasons"]
    ]
    assert item["input_sha256"]["S"] == hashlib.sha256(canonical.encode()).hexdigest()
    months = (int(item["expires_at"]["N"]) - time.time()) / (86_400 * 365.25 / 12)
    assert round(months, 2) == product.decisions.keep_months


def test_the_logged_input_is_sealed_and_opens_with_the_persons_key(served: Deployed) -> None:
    """Neither table shows a value of the application, and the key gives it back whole."""
    _, _, answer = served.score(APPLICATION)
    item = item_of(served, answer["decision_id"])

    assert b"4200" not in item["input"]["B"]
    assert not set(APPLICATION) & set(item)
    assert unseal(served, answer["decision_id"]) == READ


def test_a_changed_log_does_not_open(served: Deployed) -> None:
    """An input moved from one decision to another is found out."""
    _, _, first = served.score(APPLICATION, X_Person_Id="p-moved")
    _, _, second = served.score({**APPLICATION, "debt_ratio": 0.9}, X_Person_Id="p-moved")
    served.client("dynamodb").update_item(
        TableName=SETTINGS.decisions_table,
        Key={"decision_id": {"S": second["decision_id"]}},
        UpdateExpression="SET #input = :input",
        ExpressionAttributeNames={"#input": "input"},
        ExpressionAttributeValues={":input": item_of(served, first["decision_id"])["input"]},
    )

    with pytest.raises(Tampered):
        unseal(served, second["decision_id"])


def test_an_erased_persons_inputs_are_gone_and_the_evidence_stays(served: Deployed) -> None:
    """Erasing destroys one key: earlier inputs stay shut, also after a new decision."""
    _, _, first = served.score(APPLICATION, X_Person_Id="p-erased")
    _, _, other = served.score(APPLICATION, X_Person_Id="p-kept")
    dynamodb = served.client("dynamodb")
    done = decision_log.erase(dynamodb, SETTINGS, "p-erased")

    assert unseal(served, first["decision_id"]) == done
    assert decision_log.erase(dynamodb, SETTINGS, "p-erased") == done
    assert unseal(served, other["decision_id"]) == READ
    assert decision_log.read(dynamodb, SETTINGS, first["decision_id"]).pd == first["pd"]

    time.sleep(0.01)
    _, _, later = served.score(APPLICATION, X_Person_Id="p-erased")

    assert unseal(served, later["decision_id"]) == READ
    assert unseal(served, first["decision_id"]) == done
    found = decision_log.find_by_person(dynamodb, SETTINGS, "p-erased")
    assert [each.decision_id for each in found] == [first["decision_id"], later["decision_id"]]


def test_an_erasure_is_known_for_as_long_as_the_decisions_before_it(served: Deployed) -> None:
    """A later decision that is kept for less time brings no date forward."""
    _, _, first = served.score(APPLICATION, X_Person_Id="p-long")
    dynamodb, kms = served.client("dynamodb"), served.client("kms")
    logged = decision_log.read(dynamodb, SETTINGS, first["decision_id"])
    done = decision_log.erase(dynamodb, SETTINGS, "p-long")

    def kept_after(expires_at: int) -> int:
        person_key.take(dynamodb, kms, SETTINGS, "p-long", expires_at)
        person = dynamodb.get_item(
            TableName=SETTINGS.people_table, Key={"person_id": {"S": "p-long"}}
        )
        return int(person["Item"]["expires_at"]["N"])

    a_month = 30 * 86_400
    shorter, longer = logged.expires_at - a_month, logged.expires_at + a_month
    assert [kept_after(each) for each in (shorter, longer, shorter)] == [
        logged.expires_at,
        longer,
        longer,
    ]
    assert unseal(served, first["decision_id"]) == done


def test_an_unknown_person_cannot_be_erased(served: Deployed) -> None:
    """A mistyped id is told, and no tombstone is made of it."""
    with pytest.raises(decision_log.UnknownPerson):
        decision_log.erase(served.client("dynamodb"), SETTINGS, "p-nobody")


def test_the_same_application_has_the_same_score_and_another_decision(served: Deployed) -> None:
    """A score is a function of its input; a decision is an event."""
    _, _, first = served.score(APPLICATION)
    _, _, second = served.score(APPLICATION, Accept_Language="es-AR,es;q=0.9")

    assert (first["pd"], first["points"]) == (second["pd"], second["points"])
    assert [each["code"] for each in first["reasons"]] == [
        each["code"] for each in second["reasons"]
    ]
    assert first["reasons"] != second["reasons"]
    assert first["decision_id"] != second["decision_id"]
    assert first["person_id"] != second["person_id"]


def test_a_retry_with_its_key_gets_the_logged_decision(served: Deployed) -> None:
    """Same key, same body: the decision that was made, in the language that is asked now."""
    again = {"Idempotency_Key": key()}
    _, _, first = served.score(APPLICATION, **again)
    before = count(served)
    status, headers, second = served.score(READ, Accept_Language="es", **again)

    assert status == 200
    assert {**second, "reasons": 0} == {**first, "reasons": 0}
    assert headers["content-language"] == "es"
    assert count(served) == before


@pytest.mark.parametrize(
    ("change", "person"), [({"debt_ratio": 0.5}, "p-1"), ({}, "p-2"), ({}, "")]
)
def test_a_key_that_was_used_otherwise_is_a_conflict(
    served: Deployed, change: dict[str, float], person: str
) -> None:
    """Another body or another person under the same key is a mistake of the client's."""
    again = {"Idempotency_Key": key()}
    served.score(APPLICATION, X_Person_Id="p-1", **again)
    before = count(served)
    status, _, problem = served.score({**APPLICATION, **change}, X_Person_Id=person, **again)

    assert status == 409
    assert problem["title"] == "Idempotency-Key used before"
    assert "pd" not in problem
    assert count(served) == before


def test_twenty_requests_at_once_with_one_key_make_one_decision(served: Deployed) -> None:
    """All of them are answered with the one that is logged, under the person's one key."""
    again = {"Idempotency_Key": key()}
    before = count(served)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: served.score(APPLICATION, **again), range(20)))

    assert {status for status, _, _ in answers} == {200}
    assert len({json.dumps(answer) for _, _, answer in answers}) == 1
    assert count(served) == before + 1
    assert unseal(served, answers[0][2]["decision_id"]) == READ


def test_one_persons_first_decisions_at_once_share_a_key(served: Deployed) -> None:
    """The key that was made first counts, so every input opens."""
    with ThreadPoolExecutor(10) as pool:
        answers = list(
            pool.map(lambda _: served.score(APPLICATION, X_Person_Id="p-twice"), range(10))
        )

    assert len({answer["decision_id"] for _, _, answer in answers}) == 10
    assert all(unseal(served, answer["decision_id"]) == READ for _, _, answer in answers)


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("DYNAMODB", "ProvisionedThroughputExceededException"),
        ("DYNAMODB", "ThrottlingException"),
        ("KMS", "ThrottlingException"),
    ],
)
def test_without_its_log_there_is_no_decision(served: Deployed, service: str, code: str) -> None:
    """A failing log is a failing decision: the client is asked to come back, and gets no score."""
    before = count(served)
    with without(served, service, code):
        status, headers, problem = served.score(APPLICATION)

    assert status == 503
    assert headers["retry-after"] == "2"
    assert problem["title"] == "No decision log"
    assert "pd" not in problem
    assert count(served) == before
    assert served.score(APPLICATION)[0] == 200


def test_a_fault_that_does_not_pass_rings_the_alarm(served: Deployed) -> None:
    """A log that refuses for good is ours to mend: the answer says so, and gives no detail."""
    with without(served, "DYNAMODB", "AccessDeniedException"):
        status, headers, problem = served.score(APPLICATION)

    assert status == 502
    assert headers["retry-after"] == "30"
    assert problem["title"] == "A fault of the service"
    assert "AccessDenied" not in str(problem)


def test_a_model_that_does_not_answer_in_time_is_told_so(served: Deployed) -> None:
    """Nothing was decided, and the client knows when to ask again."""
    before = count(served)
    with without(served, "SAGEMAKER_RUNTIME", "ServiceUnavailable"):
        status, headers, problem = served.score(APPLICATION)

    assert status == 503
    assert headers["retry-after"] == "2"
    assert problem["title"] == "No model"
    assert count(served) == before


def test_a_decision_is_read_again_by_its_id(served: Deployed) -> None:
    """It answers what was answered then, in the language of then unless another is asked."""
    _, _, given = served.score(APPLICATION, Accept_Language="es")
    path = f"/v1/decisions/{given['decision_id']}"
    status, headers, found = served.ask("GET", path)
    _, _, english = served.ask("GET", path, Accept_Language="en")

    assert status == 200
    assert found == {"portfolio": "consumer_credit", **given}
    assert headers["content-language"] == "es"
    assert english["reasons"][0]["text"] != found["reasons"][0]["text"]


@pytest.mark.parametrize("name", [str(uuid.uuid4()), "1", "%00", "..%2f"])
def test_a_decision_that_was_never_made_is_not_found(served: Deployed, name: str) -> None:
    """An id that is none reaches no table."""
    status, _, problem = served.ask("GET", f"/v1/decisions/{name}")

    assert status == 404
    assert problem["title"] == "Unknown decision"


def test_an_application_by_the_form_is_decided_and_logged_like_any(served: Deployed) -> None:
    """Our own page needs no key; its applicant is named by nobody."""
    status, _, answer = served.ask(
        "POST",
        "/apply/consumer_credit",
        APPLICATION,
        x_api_key="",
        Sec_Fetch_Site="same-origin",
        X_Person_Id="p-somebody",
    )

    assert status == 200
    assert item_of(served, answer["decision_id"])["person_id"]["S"] != "p-somebody"


def test_a_program_cannot_use_the_form(served: Deployed) -> None:
    """Who is no browser on our own page needs a key."""
    status, _, problem = served.ask("POST", "/apply/consumer_credit", APPLICATION, x_api_key="")

    assert status == 403
    assert problem["title"] == "Another origin"
