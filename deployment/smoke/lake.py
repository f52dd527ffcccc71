"""Athena and Glue: the limit of a query, and the tables of each portfolio."""

from __future__ import annotations

from collections.abc import Iterator

from deployment.smoke.line import LOOK, OK, Deployment, Line, judge
from solvencia.settings import Settings


def workgroup(deployed: Deployment) -> Iterator[Line]:
    """A query is cancelled at the stack's limit, and writes where the stack says."""
    found = deployed.client("athena").get_work_group(WorkGroup=deployed.stack)["WorkGroup"]
    rules = found["Configuration"]
    wanted = deployed.parameters.get("QueryScanLimitBytes", "")
    problems = []
    if str(rules.get("BytesScannedCutoffPerQuery", "")) != wanted:
        problems.append(f"a query may scan {rules.get('BytesScannedCutoffPerQuery', 'any')} bytes")
    if not rules.get("EnforceWorkGroupConfiguration"):
        problems.append("a client may set other rules")
    text = f"a query may scan {int(wanted or 0) / 1e9:,.0f} GB"
    yield judge("Athena workgroup", problems, text, "deploy again: the template sets both")


def catalogue(deployed: Deployment) -> Iterator[Line]:
    """Each portfolio has its database, and tables once data came."""
    glue = deployed.client("glue")
    names = Settings(deployed.stack, deployed.account, deployed.region)
    for portfolio in deployed.portfolios:
        database = names.database(portfolio)
        glue.get_database(Name=database)
        pages = glue.get_paginator("get_tables").paginate(DatabaseName=database)
        found = sorted(each["Name"] for page in pages for each in page["TableList"])
        if found:
            yield Line(OK, f"tables of {portfolio}", ", ".join(found))
        else:
            step = f"run the DAG ingest_{portfolio}, or deliver_{portfolio} and then the crawler"
            step += f" {names.crawler(portfolio)}"
            yield Line(LOOK, f"tables of {portfolio}", "none yet", step)
