"""Who may look: a user of Airflow, at the portfolios whose build_model DAG the user may read.

Airflow mounts a plugin's application without protecting it; these dependencies do.
"""

from __future__ import annotations

from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, HTTPException

_DAG = "build_model_"


def readable_portfolios(user: GetUserDep) -> list[str]:
    """Return the portfolios that this Airflow builds models for and the user may see, sorted."""
    found = get_auth_manager().get_authorized_dag_ids(user=user, method="GET")
    return sorted(each.removeprefix(_DAG) for each in found if each.startswith(_DAG))


Portfolios = Annotated[list[str], Depends(readable_portfolios)]


def readable_portfolio(portfolio: str, portfolios: Portfolios) -> str:
    """Return the portfolio of the path; one that is hidden looks like one that is not there."""
    if portfolio not in portfolios:
        raise HTTPException(404, f"There is no portfolio {portfolio!r} that you may read.")
    return portfolio


Portfolio: Any = Annotated[str, Depends(readable_portfolio)]
