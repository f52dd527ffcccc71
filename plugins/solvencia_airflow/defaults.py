"""What all DAGs share: owner, retries, the retry policy and the e-mail of a failure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from airflow.providers.amazon.aws.notifications.sns import SnsNotifier

from solvencia.portfolio import Portfolio
from solvencia.settings import Settings
from solvencia_airflow.retries import CurableFaultsOnly

# SNS takes 100 ASCII characters on one line.
SUBJECT = '{{ ("[Solvencia] " ~ dag.dag_id ~ " / " ~ ti.task_id ~ " failed")[:100] }}'
PERIOD = (
    "{{ dag_run.partition_key or params.get('period') or params.get('delivery')"
    " or params.get('version')"
    " or (dag_run.data_interval_start or dag_run.run_after).strftime('%Y-%m') }}"
)
MESSAGE = f"""\
DAG:    {{{{ dag.dag_id }}}}
Task:   {{{{ ti.task_id }}}}
Period: {PERIOD}
Run:    {{{{ dag_run.run_id }}}}
Try:    {{{{ ti.try_number }}}}

{{{{ exception | string | truncate(20000) }}}}

Log:  {{{{ ti.log_url }}}}
Next: read the log; what to do stands in the DAG's runbook (its "Docs" in Airflow).
      After the repair clear this task: the run goes on from here.
"""

QUESTION_SUBJECT = '{{ ("[Solvencia] " ~ dag.dag_id ~ " waits for an answer")[:100] }}'
QUESTION = """\
{{ task.subject }}

{{ task.body }}

Answer: in Airflow, under "Required Actions", or at {{ ti.log_url }}
Run:    {{ dag_run.run_id }}
"""


def default_args(settings: Settings, portfolio: Portfolio) -> dict[str, Any]:
    """Return `default_args` of a portfolio's DAGs.

    Credentials and endpoint come from the environment (the execution role on AWS), hence no
    `aws_conn_id`.
    """
    return {
        "owner": portfolio.owner,
        "retries": 2,
        "retry_delay": timedelta(seconds=settings.retry_delay_seconds),
        "retry_policy": CurableFaultsOnly(),
        "on_failure_callback": mail(settings, SUBJECT, MESSAGE),
        "aws_conn_id": None,
        "region_name": settings.region,
    }


def mail(settings: Settings, subject: str, message: str) -> SnsNotifier:
    """Return what publishes a text, rendered in the task's context, to the alerts' topic."""
    return SnsNotifier(
        aws_conn_id=None,
        region_name=settings.region,
        target_arn=settings.alerts_topic_arn,
        subject=subject,
        message=message,
    )


def midnight(day: date | None) -> datetime | None:
    """Return the day's first instant in UTC, as DAGs want their dates."""
    return datetime.combine(day, time(), UTC) if day else None
