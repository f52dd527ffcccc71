"""The way of a registered version to the endpoint: one list of tasks for all who go it."""

from __future__ import annotations

from typing import Any

from airflow.sdk import task

from solvencia.settings import Settings
from solvencia_airflow import approval, jobs, versions
from solvencia_airflow.defaults import QUESTION, QUESTION_SUBJECT, mail
from solvencia_airflow.endpoint_operators import (
    CreateEndpointConfigOperator,
    CreateModelOperator,
    DeployEndpointOperator,
)


def deploy(
    settings: Settings, portfolio: str, version: Any, *, requested: str = "", is_promotion: bool
) -> list[Any]:
    """Return the tasks from the question to the smoke test, in their order.

    `version` is the output of the task that names it; `requested` says why it is promoted.
    """
    group = settings.package_group(portfolio)
    ask = approval.AskOperator(
        task_id="ask",
        portfolio=portfolio,
        version=version,
        requested=requested,
        is_promotion=is_promotion,
        params={"reason": approval.REASON},
        notifiers=[mail(settings, QUESTION_SUBJECT, QUESTION)],
    )
    approve = task(approval.approve)(portfolio, version, ask.output, requested, is_promotion)
    guard = task.short_circuit(versions.guard)(
        portfolio, version, approve, may_go_back=is_promotion
    )
    return [
        ask,
        approve,
        task(task_id="evidence")(versions.file_evidence)(portfolio, version),
        guard,
        CreateModelOperator(
            task_id="create_model", config=jobs.model(settings), package_group=group
        ),
        CreateEndpointConfigOperator(
            task_id="create_endpoint_config", config=jobs.endpoint_config()
        ),
        DeployEndpointOperator(
            task_id="endpoint",
            config=jobs.endpoint(settings, portfolio),
            package_group=group,
            check_interval=settings.poll_seconds,
        ),
        task(versions.smoke)(portfolio, guard),
    ]
