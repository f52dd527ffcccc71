"""What the tasks around a batch do: check what was asked for, report what came of it."""

from __future__ import annotations

import json
import logging
from typing import Any

from solvencia import batch_objects, batch_service, layout, portfolio
from solvencia.faults import PermanentFault
from solvencia.settings import Settings
from solvencia_airflow.aws import client

log = logging.getLogger(__name__)


class InvalidParameters(PermanentFault):
    """A run's parameters name no input that can be scored."""


def check(name: str, file: str, query: str) -> str:
    """Return the state machine's input as JSON; raise InvalidParameters naming every fault."""
    given = {key: value for key, value in (("file", file), ("query", query)) if value.strip()}
    try:
        asked = batch_service.parse(portfolio.load(name), Settings.from_env(), given)
    except batch_service.InvalidBatch as error:
        faults = "; ".join(f"{key}: {text}" for key, text in sorted(error.problems.items()))
        raise InvalidParameters(f"{faults}. Trigger the DAG again.") from error
    return json.dumps(asked)


def report(name: str, execution_arn: str) -> dict[str, Any]:
    """Log a batch's counts and its score's stability; return counts and the result's place."""
    batch, bucket = execution_arn.rpartition(":")[2], Settings.from_env().data_bucket
    key = layout.batch_result(name, batch, "summary.json")
    summary = batch_objects.read_json(client("s3"), bucket, key)
    counts = {each: summary[each] for each in ("rows_in", "scored", "bad", "by_decision")}
    log.info("Batch %s: %s", batch, counts)
    log.info("PSI %(psi)s, %(reading)s", summary["stability"])
    return {"batch_id": batch, **counts, "summary": f"s3://{bucket}/{key}"}
