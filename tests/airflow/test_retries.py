"""Which failures Airflow tries again."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from solvencia.delivery import RefusedDelivery
from solvencia.faults import PermanentFault


class AirflowException(Exception):
    """Stands for the stock operators' own, which carries a text only."""


def caused(cause: BaseException) -> Exception:
    error = RuntimeError("the task failed")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "fault",
    [
        PermanentFault("the data is wrong"),
        RefusedDelivery("s3://landing/", ["income.csv.gz: missing"]),
        caused(PermanentFault("the data is wrong")),
        AirflowException(
            "Final state of Athena job is FAILED, query_execution_id is 1. "
            "Error: COLUMN_NOT_FOUND: line 3:5: Column 'x' cannot be resolved"
        ),
        AirflowException("Final state of Athena job is FAILED. Error: SYNTAX_ERROR: line 1:1"),
        AirflowException("SageMaker resource failed because AlgorithmError: no rows"),
        AirflowException("DataSync TaskArn could not be identified or created."),
        ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject"),
        ClientError({"Error": {"Code": "NoSuchBucket", "Message": "no"}}, "GetObject"),
    ],
)
def test_what_time_cannot_cure_fails_at_once(fault):
    """Wrong data, wrong SQL, wrong code and missing rights cost no retry."""
    from airflow.sdk import RetryAction

    from solvencia_airflow.retries import CurableFaultsOnly

    decision = CurableFaultsOnly().evaluate(fault, 1, 2)

    assert decision.action is RetryAction.FAIL
    assert "a retry cannot cure it" in decision.reason


@pytest.mark.parametrize(
    "fault",
    [
        ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow"}}, "GetTable"),
        ClientError({"Error": {"Code": "SlowDown", "Message": "slow"}}, "PutObject"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        TimeoutError("no answer"),
        AirflowException(
            "Final state of Athena job is FAILED. Error: GENERIC_INTERNAL_ERROR: try again"
        ),
        AirflowException("SageMaker resource failed because InternalServerError"),
    ],
)
def test_what_time_may_cure_is_tried_again(fault):
    """Throttling, lost connections and AWS's own faults are left to the retries."""
    from airflow.sdk import RetryAction

    from solvencia_airflow.retries import CurableFaultsOnly

    assert CurableFaultsOnly().evaluate(fault, 1, 2).action is RetryAction.DEFAULT
