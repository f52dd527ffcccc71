"""Athena: queries run in DuckDB over the files of the local S3 and the Glue catalogue.

Hooks: `athena._start_query_execution`, `_execute_query`, `_stop_query_execution` and
`_get_table_metadata` of the emulator, which keeps the API, workgroups and named queries.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import re
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import sqlglot
from ministack.core.responses import error_response_json
from ministack.services import athena, glue
from sqlglot import exp

from local.aws import catalogue, lake, lifecycle
from local.aws.athena import ddl as athena_ddl
from local.aws.athena import faults as athena_faults
from local.aws.athena import results as athena_results
from local.aws.athena import running
from local.aws.athena import sql as athena_sql
from local.aws.athena import write as athena_write
from local.aws.athena.faults import QueryFault
from local.aws.athena.session import Outcome, Session
from local.aws.config import Config
from local.aws.iam.gate import AccessDenied

CONCURRENT_QUERIES = 4
_log = logging.getLogger("athena")
_start = athena._start_query_execution
_stop = athena._stop_query_execution
_metadata = athena._get_table_metadata


def install(config: Config) -> None:
    """Put real queries behind the emulator's Athena API."""
    pool = ThreadPoolExecutor(CONCURRENT_QUERIES, thread_name_prefix="athena")
    config.work.mkdir(parents=True, exist_ok=True)

    async def execute(query_id: str, *_: Any) -> None:
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(pool, context.run, _run, query_id, config.work)

    def end_all() -> None:
        # The pool's threads are waited for when the interpreter ends.
        pool.shutdown(wait=False, cancel_futures=True)
        running.interrupt_all()

    lifecycle.on_stop(end_all)
    athena._execute_query = execute
    athena._start_query_execution = start
    athena._stop_query_execution = stop
    athena._get_table_metadata = describe_table


def start(request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Answer StartQueryExecution: the workgroup's enforced configuration wins."""
    name = request.get("WorkGroup", "primary")
    workgroup = athena._workgroups.get(name)
    if workgroup is None:
        return _refuse(f"WorkGroup {name} is not found.")
    rules = workgroup.get("Configuration") or {}
    ordered = rules.get("ResultConfiguration") or {}
    is_enforced = str(rules.get("EnforceWorkGroupConfiguration", True)).lower() == "true"
    chosen = ordered if is_enforced and ordered else request.get("ResultConfiguration") or {}
    location = chosen.get("OutputLocation") or ordered.get("OutputLocation")
    if location:
        try:
            lake.require_location(location)
        except AccessDenied as error:
            return _refuse(f"Unable to verify/create output bucket: {error}")
        if not lake.bucket_exists(location):
            return _refuse(f"Unable to verify/create output bucket {lake.split(location)[0]}")
        request = {
            **request,
            "ResultConfiguration": {**chosen, "OutputLocation": lake.folder(location)},
        }
    answer: tuple[int, dict[str, str], bytes] = _start(request)
    if answer[0] == 200:
        execution = athena._executions[json.loads(answer[2])["QueryExecutionId"]]
        execution["ExecutionParameters"] = request.get("ExecutionParameters") or []
        if first_word(execution["Query"]) in ("unload", "execute", "values"):
            execution["StatementType"] = "DML"
        elif first_word(execution["Query"]) == "msck":
            execution["StatementType"] = "DDL"
        if execution["StatementType"] != "DML":
            text = execution["ResultConfiguration"]["OutputLocation"].removesuffix(".csv") + ".txt"
            execution["ResultConfiguration"]["OutputLocation"] = text
    return answer


def stop(request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Answer StopQueryExecution: the query ends and leaves nothing behind."""
    with running.lock:
        answer: tuple[int, dict[str, str], bytes] = _stop(request)
    running.interrupt(request.get("QueryExecutionId", ""))
    return answer


def describe_table(request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Answer GetTableMetadata: a table that is not there is an error, as in Athena."""
    owner, name = str(request.get("DatabaseName")), str(request.get("TableName"))
    try:
        catalogue.require("GetTable", owner, name)
    except AccessDenied as error:
        return error_response_json("MetadataException", str(error), 400)  # type: ignore[no-any-return]
    key = f"{owner}/{name}"
    if key not in glue._tables:
        message = f"EntityNotFoundException: Entity Not Found: {key}"
        return error_response_json("MetadataException", message, 400)  # type: ignore[no-any-return]
    return _metadata(request)  # type: ignore[no-any-return]


def first_word(text: str) -> str:
    """Return the statement's first keyword in lower case; comments do not count."""
    return next((each for kind, each, _, _ in athena._sql_tokens(text) if kind == "name"), "")


def _without_frame(text: str) -> str:
    """Blank the comments before a statement, so that lines still count, and drop its `;`."""
    start = next((start for _, _, start, _ in athena._sql_tokens(text)), 0)
    return re.sub(r"[^\n]", " ", text[:start]) + text[start:].rstrip().removesuffix(";")


def run_statement(session: Session, parameters: list[str]) -> Outcome:
    """Run one statement, whatever its kind."""
    word = first_word(session.text)
    if word == "unload":
        return athena_write.unload(session, parameters)
    if word == "execute":
        return _run_prepared(session, parameters)
    if word == "prepare":
        return _keep_prepared(session)
    if word == "explain":
        head = re.match(r"\s*EXPLAIN\s", session.text, re.IGNORECASE)
        tree = athena_sql.parse(session.text[head.end() :] if head else "", parameters)
        plan = session.connection.execute(f"EXPLAIN {session.prepare(tree).sql}").fetchall()
        lines = [(line,) for row in plan for line in row[1].splitlines()]
        return Outcome([("Query Plan", "VARCHAR")], lines, is_text=True)
    if word == "insert" or re.match(r"\s*CREATE\s+TABLE\b.*\bAS\b", session.text, re.I | re.S):
        tree = athena_sql.parse(session.text, parameters)
        if isinstance(tree, exp.Insert):
            return athena_write.insert(session, tree)
        if isinstance(tree, exp.Create) and tree.expression is not None:
            return athena_write.create_table_as(session, tree)
    if word in ("select", "with", "values"):
        return session.select(athena_sql.parse(session.text, parameters))
    return athena_ddl.run(session)


def _run_prepared(session: Session, parameters: list[str]) -> Outcome:
    found = re.fullmatch(
        r"\s*EXECUTE\s+\"?(\w+)\"?(?:\s+USING\s+(.*?))?\s*;?\s*", session.text, re.I | re.S
    )
    name = found[1] if found else ""
    statement = athena._prepared_statements.get(f"{session.workgroup}/{name}")
    if statement is None:
        raise QueryFault("NOT_FOUND", f"Prepared statement not found: {name}")
    if found and found[2]:
        values = sqlglot.parse_one(f"SELECT {found[2]}", read="trino").expressions
        parameters = [each.sql(dialect="trino") for each in values]
    session.text = statement["QueryStatement"]
    return run_statement(session, parameters)


def _keep_prepared(session: Session) -> Outcome:
    found = re.fullmatch(r"\s*PREPARE\s+\"?(\w+)\"?\s+FROM\s+(.*)", session.text, re.I | re.S)
    if found is None:
        raise QueryFault("SYNTAX_ERROR", "line 1:1: PREPARE name FROM statement")
    entry = {"StatementName": found[1], "WorkGroup": session.workgroup, "QueryStatement": found[2]}
    athena._create_prepared_statement(entry)
    return Outcome(is_text=True)


def _run(query_id: str, work: Path) -> None:
    """Run one query to its end; its state is final only when its result can be read."""
    execution = athena._executions[query_id]
    status = execution["Status"]
    if status["State"] == "CANCELLED":
        return
    rules = athena._workgroups[execution["WorkGroup"]].get("Configuration") or {}
    location = execution["ResultConfiguration"]["OutputLocation"]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="athena-", dir=work) as scratch:
        session = Session(
            query_id=query_id,
            text=_without_frame(execution["Query"]),
            database=execution["QueryExecutionContext"]["Database"].lower(),
            workgroup=execution["WorkGroup"],
            results=location.rsplit("/", 1)[0] + "/",
            scratch=Path(scratch),
            cutoff_bytes=int(rules.get("BytesScannedCutoffPerQuery") or 0),  # a template gives text
        )
        running.begin(session)
        try:
            with running.lock:
                if status["State"] == "CANCELLED":  # there was no session yet to interrupt
                    return
                status["State"] = "RUNNING"
            outcome = run_statement(session, list(execution["ExecutionParameters"]))
            if status["State"] != "CANCELLED":
                athena_results.store(execution, location, outcome)
        except Exception as error:  # every failure becomes the query's state
            fault = athena_faults.explain(error)
            if fault is None:
                _log.exception("query %s", query_id)
            if status["State"] != "CANCELLED":
                _fail(execution, fault or QueryFault("GENERIC_INTERNAL_ERROR", repr(error)))
        finally:
            running.end(session)
    took = int((time.monotonic() - began) * 1000)
    execution["Statistics"].update(
        DataScannedInBytes=session.scanned_bytes,
        EngineExecutionTimeInMillis=took,
        TotalExecutionTimeInMillis=took,
    )
    status["CompletionDateTime"] = time.time()
    if status["State"] == "RUNNING":
        status["State"] = "SUCCEEDED"


def _fail(execution: dict[str, Any], fault: QueryFault) -> None:
    _log.info("query %s failed: %s", execution["QueryExecutionId"], fault.code or "refused")
    is_internal = fault.code in ("GENERIC_INTERNAL_ERROR", "HIVE_FILESYSTEM_ERROR")
    execution["Status"].update(
        State="FAILED",
        StateChangeReason=str(fault)[:2000],
        AthenaError={
            "ErrorCategory": 1 if is_internal else 2,
            "ErrorType": 233,
            "Retryable": False,
            "ErrorMessage": str(fault)[:2000],
        },
    )


def _refuse(message: str) -> tuple[int, dict[str, str], bytes]:
    return error_response_json("InvalidRequestException", message, 400)  # type: ignore[no-any-return]
