"""The state machine and the clean Lambda, on prepared parts in the embedded AWS."""

from __future__ import annotations

import io
import json
import time
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from solvencia import layout
from solvencia.settings import Settings
from tests.lambdas.conftest import Deployed

SETTINGS = Settings(stack="solvencia", account="000000000000", region="us-east-1")
PERIOD = "2026-10"
ROWS = {
    "application_id": [11, 12, 13],
    "applied_on": [date(2024, 10, 5), date(2023, 1, 10), date(2023, 2, 10)],
    "is_seriously_delinquent": [0, 1, 0],
    "age_years": [40, 0, 60],
    "revolving_utilisation_ratio": [0.4, 0.9, 500.0],
    "past_due_30_59_days_count": [0, 98, 0],
    "past_due_60_89_days_count": [0, 98, 0],
    "past_due_90_days_count": [0, 98, 0],
    "debt_ratio": [0.3, 1200.0, 0.1],
    "monthly_income_usd": [4000.0, None, 2500.0],
    "open_credit_lines_count": [5, 7, 3],
    "real_estate_loans_count": [1, 0, 0],
    "dependents_count": [2, None, 0],
}


def put_part(stack: Deployed, part: int, rows: dict[str, list[Any]]) -> None:
    body = io.BytesIO()
    pq.write_table(pa.table(rows), body)
    key = layout.prepared_part("consumer_credit", PERIOD, part) + "rows.parquet"
    stack.client("s3").put_object(Bucket=SETTINGS.data_bucket, Key=key, Body=body.getvalue())


def run_machine(stack: Deployed, *parts: int) -> dict[str, Any]:
    """Run the state machine over parts; return the execution's description."""
    machines = stack.client("stepfunctions")
    items = [{"portfolio": "consumer_credit", "period": PERIOD, "part": part} for part in parts]
    started = machines.start_execution(
        stateMachineArn=SETTINGS.clean_state_machine_arn, input=json.dumps({"items": items})
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found: dict[str, Any] = machines.describe_execution(executionArn=started["executionArn"])
        if found["status"] != "RUNNING":
            return found
        time.sleep(0.1)
    raise AssertionError("the state machine did not end")


@pytest.fixture(scope="module")
def parts(stack: Deployed) -> None:
    """Parts 0 and 1 are whole; part 2 lacks a column, part 3 two."""
    put_part(stack, 0, ROWS)
    put_part(stack, 1, ROWS)
    put_part(stack, 2, {name: rows for name, rows in ROWS.items() if name != "debt_ratio"})
    put_part(stack, 3, {name: ROWS[name] for name in list(ROWS)[:-2]})


@pytest.mark.usefixtures("parts")
def test_every_part_is_cleaned_and_counted(stack: Deployed) -> None:
    """The execution's output is the list of the parts' counts, in the parts' order."""
    done = run_machine(stack, 0, 1)

    assert done["status"] == "SUCCEEDED", done
    counts = json.loads(done["output"])
    assert [each["part"] for each in counts] == [0, 1]
    assert counts[0]["prepared"] == 3
    assert counts[0]["cleaned"]["test"] == 1
    assert sum(counts[0]["cleaned"].values()) == 2
    assert counts[0]["quarantined_by"] == {"revolving_utilisation_ratio: above 100": 1}


@pytest.mark.usefixtures("parts")
def test_rows_of_the_part_reach_their_split(stack: Deployed) -> None:
    """The newest vintage is the out-of-time test."""
    run_machine(stack, 1)

    key = layout.cleaned_part("consumer_credit", PERIOD, "test", 1)
    body = stack.client("s3").get_object(Bucket=SETTINGS.data_bucket, Key=key)["Body"].read()
    assert pq.read_table(io.BytesIO(body)).column("application_id").to_pylist() == [11]


@pytest.mark.usefixtures("parts")
def test_the_parts_that_failed_are_named_with_their_cause(stack: Deployed) -> None:
    """One execution names every part that failed, and why; the others are done."""
    done = run_machine(stack, 0, 2, 3)

    assert done["status"] == "FAILED"
    assert done["error"] == "PartsFailed"
    assert "part 2: " in done["cause"]
    assert "has no column debt_ratio" in done["cause"]
    assert "part 3: " in done["cause"]
    assert "real_estate_loans_count, dependents_count" in done["cause"]
    assert "part 0" not in done["cause"]


@pytest.mark.usefixtures("parts")
def test_a_fault_of_the_data_is_not_retried(stack: Deployed) -> None:
    """The Lambda runs once for a part that no retry can cure."""
    done = run_machine(stack, 2)
    history = stack.client("stepfunctions").get_execution_history(
        executionArn=done["executionArn"], maxResults=200
    )["events"]

    failed = [each for each in history if each["type"] == "TaskFailed"]

    assert [each["taskFailedEventDetails"]["error"] for each in failed] == ["MissingColumn"]
