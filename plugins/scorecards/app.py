"""The pages: portfolios, one portfolio's versions, one version, and the files kept of it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Any

from botocore.exceptions import BotoCoreError, ClientError
from fastapi import FastAPI, Query, Request
from fastapi.responses import HTMLResponse, StreamingResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.responses import Response

from scorecards import charts
from scorecards.access import Portfolio, Portfolios
from scorecards.registry import TYPES, VERSIONS_MAX, NotKept, Registry, Version
from solvencia.faults import PermanentFault
from solvencia.settings import Settings

_TEMPLATES = Path(__file__).parent / "templates"
_CHUNK_BYTES = 64 * 1024
_METRICS = (("auc", "AUC"), ("ks", "KS"), ("ece", "ECE"))
_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
# What lies in S3 was written by a job: it may show itself and its pictures, and run nothing.
_FILE_HEADERS = _HEADERS | {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-same-origin"
    ),
}
_TITLES = {401: "You are not logged in", 403: "You may not see this", 404: "There is no such page"}


def create_app() -> FastAPI:
    """Return the application; every route asks Airflow who the user is."""
    app = FastAPI(title="Scorecards", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_api_route("/", list_portfolios, response_class=HTMLResponse)
    app.add_api_route("/{portfolio}/", show_portfolio, response_class=HTMLResponse)
    app.add_api_route("/{portfolio}/{version}/", show_version, response_class=HTMLResponse)
    app.add_api_route("/{portfolio}/{version}/{path:path}", send_file, response_class=Response)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(NotKept, _miss)
    app.add_exception_handler(PermanentFault, _misconfigured)
    app.add_exception_handler(ClientError, _aws_fault)
    app.add_exception_handler(BotoCoreError, _aws_fault)
    return app


def list_portfolios(request: Request, portfolios: Portfolios) -> HTMLResponse:
    """Every portfolio with its live champion and its newest version."""
    found = registry()
    rows = [(each, found.live(each), *found.newest(each)) for each in portfolios]
    return _page(request, "portfolios.html", rows=rows)


def show_portfolio(
    request: Request, portfolio: Portfolio, page: Annotated[int, Query(ge=1)] = 1
) -> HTMLResponse:
    """One portfolio: its champion, how metrics went, a page of its versions."""
    found = registry()
    names, live = found.names(portfolio), found.live(portfolio)
    pages = max(1, -(-len(names) // VERSIONS_MAX))
    if page > pages:
        raise NotKept(f"{portfolio} has {pages} pages of versions, not {page}.")
    versions = found.versions(portfolio, page)
    plots = [_plot(name, key, versions, live.version if live else "") for key, name in _METRICS]
    return _page(
        request,
        "portfolio.html",
        portfolio=portfolio,
        live=live,
        versions=versions,
        plots=[each for each in plots if each],
        names=names,
        page=page,
        pages=pages,
        width=charts.WIDTH,
        height=charts.HEIGHT,
    )


def show_version(request: Request, portfolio: Portfolio, version: str) -> HTMLResponse:
    """One version: status, who decided and why, metrics, plots, evidence, lineage."""
    found = registry()
    entry = found.version(portfolio, version)
    try:
        facts = found.facts(portfolio, version)
    except NotKept:
        facts = None
    return _page(
        request,
        "version.html",
        portfolio=portfolio,
        version=entry,
        live=found.live(portfolio),
        facts=facts,
    )


def send_file(portfolio: Portfolio, version: str, path: str) -> Response:
    """One file of a version, streamed from S3."""
    found = registry().open(portfolio, version, path)
    return StreamingResponse(
        found["Body"].iter_chunks(_CHUNK_BYTES),
        media_type=TYPES[path.rpartition(".")[2]],
        headers=_FILE_HEADERS | {"Content-Length": str(found["ContentLength"])},
    )


@functools.cache
def registry() -> Registry:
    """Return the registry of this deployment."""
    return Registry(Settings.from_env(), _client)


@functools.cache
def _client(service: str) -> Any:
    import boto3
    from botocore.config import Config

    retries = {"total_max_attempts": 2}
    return boto3.client(service, config=Config(connect_timeout=3, read_timeout=15, retries=retries))


@functools.cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["short"] = _short
    environment.filters["spoken"] = lambda name: name.replace("_", " ")
    environment.filters["moment"] = lambda each: str(each)[:16].replace("T", " ")
    return environment


def _short(version: str, portfolio: str) -> str:
    """Return a version's period and digest, without the stack and the portfolio in front."""
    return version.partition(f"{portfolio.replace('_', '-')}-")[2] or version


def _page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    root = request.scope.get("root_path", "")
    body = _templates().get_template(template).render(root=root, **values)
    return HTMLResponse(body, status_code=status, headers=_HEADERS)


def _plot(title: str, metric: str, versions: list[Version], live: str) -> charts.Chart | None:
    values = [
        (
            each.name,
            number,
            "live" if each.name == live else "refused" if each.status == "Rejected" else "",
        )
        for each in reversed(versions)
        if (number := each.number(metric)) is not None
    ]
    return charts.draw(title, values)


def _fault(request: Request, status: int, title: str, text: str, step: str) -> HTMLResponse:
    return _page(request, "fault.html", status, title=title, text=text, step=step)


def _refuse(request: Request, error: Any) -> HTMLResponse:
    title = _TITLES.get(error.status_code, "This did not work")
    step = (
        "Log in to Airflow in this browser, then open Scorecards again."
        if error.status_code == 401
        else "Go back to the portfolios, or ask who administers Airflow for the right to read the "
        "portfolio's build_model DAG."
    )
    return _fault(request, error.status_code, title, str(error.detail), step)


def _miss(request: Request, error: Any) -> HTMLResponse:
    step = (
        "Choose one from the portfolio's list. A version's files are written when its build_model "
        "DAG registers it."
    )
    return _fault(request, 404, "There is no such page", str(error), step)


def _misconfigured(request: Request, error: Any) -> HTMLResponse:
    step = "Set it for Airflow's web server, too, and restart that."
    return _fault(request, 500, "A setting is missing", str(error), step)


def _aws_fault(request: Request, error: Any) -> HTMLResponse:
    step = (
        "Check that AWS can be reached from Airflow's web server, and that its role may call "
        "sagemaker:ListModelPackages, DescribeModelPackage and DescribeEndpoint, s3:GetObject and "
        "s3:ListBucket on the model bucket. Then load the page again."
    )
    return _fault(request, 502, "AWS did not answer as expected", str(error), step)
