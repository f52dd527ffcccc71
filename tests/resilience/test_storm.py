"""A small storm: instances killed, log throttled, functions frozen (`make storm`: a large one)."""

from __future__ import annotations

from collections import Counter

import pytest

from local.place import Place
from resilience import fuzz, storm, table
from resilience.cloud import Cloud
from resilience.proxy import Weather
from resilience.storm import Storm
from resilience.strikes import Phase
from solvencia import portfolio
from tests.resilience.conftest import PORTFOLIO

WISHES, AT_ONCE, TIMEOUT_SECONDS = 160, 10, 8
PHASES = (
    Phase("calm", 0.0),
    Phase("instances killed", 0.2, killed=2),
    Phase("calls bent", 0.5, Weather(throttled=0.3, lost=0.3, cut=0.2)),
    Phase("functions frozen", 0.75, frozen=0.3),
)


@pytest.fixture(scope="module")
def happened(cloud: Cloud, place: Place) -> Storm:
    """One storm, that the tests look at."""
    sandboxes = place.build / "resilience" / "aws" / "work" / "lambda"
    product = portfolio.load(PORTFOLIO)
    return storm.run(cloud, product, sandboxes, WISHES, AT_ONCE, 5, print, PHASES, TIMEOUT_SECONDS)


def test_every_answer_of_200_is_logged_once_and_every_failure_says_what_to_do(
    happened: Storm,
) -> None:
    """No decision is lost, none is made twice, and no refusal is a riddle."""
    assert not happened.faults, "\n".join(table.render(happened))
    assert happened.entries == happened.unanswered + len(
        {each["decision_id"] for each in happened.answers.values()}
    )


def test_the_faults_were_real(happened: Storm) -> None:
    """A storm in which nothing broke would prove nothing."""
    statuses = Counter(each.status for each in happened.tries)
    struck = " ".join(told for _, _, told in happened.begun)

    assert "2 instances killed" in struck
    assert "functions frozen" in struck
    assert min(happened.met.values()) > 0
    assert set(happened.met) == {"log throttled", "log's answer lost", "model's answer cut"}
    assert statuses[503] > 0
    assert statuses[502] > 0


def test_every_client_with_a_key_was_served_in_the_end(happened: Storm) -> None:
    """Who asks again as advised, with the same key, gets the decision."""
    assert set(happened.given_up) <= {"keyless"}
    assert {each[1] for each in happened.begun} == {each.name for each in PHASES}


def test_a_decision_made_twice_would_be_found_out() -> None:
    """The drill notices an answer that the log does not hold, and a person with two entries."""
    found = Storm(answers={0: {"decision_id": "a"}})
    entry = {"person_id": {"S": "p"}}
    storm.judge_log(found, [], {"b": entry, "c": entry})

    assert len(found.faults) == 4
    assert "0: answered 200, and not logged so" in found.faults
    assert "p: 2 decisions in the log" in found.faults


def test_a_function_at_its_limit_is_no_riddle(cloud: Cloud) -> None:
    """Who meets a throttled function is told to ask again, and nothing is decided."""
    name, functions = f"{cloud.settings.stack}-score", cloud.client("lambda")
    before = cloud.logged()
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        answer = cloud.ask(
            "POST", f"/v1/{PORTFOLIO}/score", b"{}", {"Content-Type": "application/json"}
        )
    finally:
        functions.delete_function_concurrency(FunctionName=name)

    assert answer.status == 504
    assert list(fuzz.find_problem_faults(answer)) == []
    assert answer.headers["retry-after"] == "2"
    assert cloud.logged() == before
