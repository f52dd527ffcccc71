"""Airflow on MWAA: whether it runs, and has every DAG."""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from deployment.smoke.line import FAILED, LOOK, OK, Deployment, Line, judge

DAGS = Path(__file__).resolve().parents[2] / "dags"
LIMIT = 100


def airflow(deployed: Deployment) -> Iterator[Line]:
    """The environment is available, and its last update succeeded."""
    if not deployed.is_on("Airflow"):
        step = "deploy with Airflow = true, or run Airflow elsewhere with the stack's outputs"
        yield Line(LOOK, "Airflow", "not there: the parameter Airflow is false", step)
        return
    mwaa = deployed.client("mwaa")
    found = mwaa.get_environment(Name=deployed.stack)["Environment"]
    if found["Status"].endswith("ING"):
        yield Line(LOOK, "Airflow", f"it is {found['Status']}", "wait, and look again")
        return
    if found["Status"] != "AVAILABLE":
        reason = found.get("LastUpdate", {}).get("Error", {}).get("ErrorMessage", "")
        step = f"{reason} its log group airflow-{deployed.stack}-Scheduler says more".strip()
        yield Line(FAILED, "Airflow", f"it is {found['Status']}", step)
        return
    yield Line(OK, "Airflow", f"{found['AirflowVersion']}, {found['EnvironmentClass']}, AVAILABLE")
    wanted = dags(deployed)
    try:
        there = set(_listed(mwaa, deployed.stack))
    except (BotoCoreError, ClientError) as fault:
        step = f"open its UI from inside the network: {', '.join(sorted(wanted))}"
        yield Line(LOOK, "DAGs", f"Airflow's API did not tell ({fault})", step)
        return
    yield compare(deployed, there)


def _listed(mwaa: Any, name: str) -> Iterator[str]:
    """Yield the ids of the environment's DAGs; Airflow gives a hundred at a time at most."""
    offset, total = 0, 1
    while offset < total:
        page = {"limit": LIMIT, "offset": offset}
        reply = mwaa.invoke_rest_api(Name=name, Path="/dags", Method="GET", QueryParameters=page)
        found = reply["RestApiResponse"]
        yield from (each["dag_id"] for each in found["dags"])
        offset, total = offset + LIMIT, int(found["total_entries"])


def dags(deployed: Deployment) -> set[str]:
    """Return the ids of the DAGs that the DAG folder makes for the stack's portfolios."""
    stems = [path.stem for path in DAGS.glob("*.py")]
    return {f"{stem}_{portfolio}" for stem in stems for portfolio in deployed.portfolios}


def compare(deployed: Deployment, there: Set[str]) -> Line:
    """Return the line of the DAGs that Airflow has, by id."""
    wanted = dags(deployed)
    lacking = [f"{name} is missing" for name in sorted(wanted - there)]
    step = f"the log group airflow-{deployed.stack}-DAGProcessing names what did not import"
    return judge("DAGs", lacking, f"all {len(wanted)} there", step)
