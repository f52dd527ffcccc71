"""A table of the lender's warehouse, sampled over an Airflow connection.

`python -m drafting.connection` does it in the environment that has the drivers: it takes a JSON
request on standard input, so that no password stands on a command line, and answers in JSON.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from drafting.source import DraftFault, Source

ROOT = Path(__file__).resolve().parent.parent
ROWS = 100_000
_ID = re.compile(r"[a-z][a-z0-9_]*")
_TABLE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)?")


@dataclass(frozen=True)
class Address:
    """Where a table lies: its connection's id in Airflow, the connection itself, the table."""

    connection_id: str
    value: str
    table: str


def find(given: str, table: str, connection_id: str, environment: Mapping[str, str]) -> Address:
    """Read FROM as `<connection id>?table=t` or as a connection URI with `?table=t`.

    The id stands for the environment's AIRFLOW_CONN_<ID>, so that no password is typed. Raises
    DraftFault.
    """
    value, _, query = given.partition("?")
    options = parse_qs(query)
    table = table or (options.pop("table", [""])[0])
    if not table:
        raise DraftFault(f"FROM={_hide(given)}: names no table: add ?table=loans, or TABLE=loans")
    if not _TABLE.fullmatch(table):
        raise DraftFault(f"table {table!r}: give a table or view, its schema before a dot")
    if "://" in value or value.lstrip().startswith("{"):
        return Address(connection_id, value, table)
    variable = f"AIRFLOW_CONN_{value.upper()}"
    if not _ID.fullmatch(value) or variable not in environment:
        raise DraftFault(
            f"FROM={value}: is no file, no connection URI such as postgres://…, and the "
            f"environment has no {variable}"
        )
    return Address(value, environment[variable], table)


def read(address: Address, rows: int, python: Path) -> Source:
    """Return a sample of the table; `python` runs the drivers. Raises DraftFault."""
    if is_sqlite(address):
        answer = sample(address.value, address.table, rows)
    else:
        request = {"value": address.value, "table": address.table, "rows": rows}
        answer = _ask(python, "sample", request)
    columns = {
        name: [row[place] for row in answer["rows"]] for place, name in enumerate(answer["names"])
    }
    if not answer["rows"]:
        raise DraftFault(f"table {address.table!r}: has no rows: name another with TABLE=")
    return Source(
        name=f"{address.connection_id}, table {address.table}",
        columns=columns,
        lines=range(1, len(answer["rows"]) + 1),
        total=answer["total"],
        unique=frozenset(answer["unique"]),
    )


def run_script(address: Address, script: str, python: Path) -> None:
    """Run the views' statements on the connection; raise DraftFault."""
    if is_sqlite(address):
        execute(address.value, script)
    else:
        _ask(python, "execute", {"value": address.value, "script": script})


def sample(value: str, table: str, rows: int) -> dict[str, Any]:
    """Return names, rows as texts, the table's size and which columns are keys of it."""
    connection = _connect(value)
    try:
        cursor = connection.cursor()
        path = ".".join(f'"{part}"' for part in table.split("."))
        total = int(_one(cursor, f"SELECT count(*) FROM {path}"))  # noqa: S608 - checked name
        share = f" WHERE abs(random() % 1000000) < {rows * 1000000 // max(total, 1)}"
        if "sqlite" not in type(connection).__module__:
            share = f" WHERE random() < {rows / max(total, 1)}"
        cursor.execute(f"SELECT * FROM {path}{share if total > rows else ''}")  # noqa: S608
        names = [each[0] for each in cursor.description]
        found = [[_text(each) for each in row] for row in cursor.fetchall()]
        unique = []
        for place, name in enumerate(names):
            seen = [row[place] for row in found]
            if None not in seen and len({*seen}) == len(seen):
                whole = f'SELECT count(DISTINCT "{name}") FROM {path}'  # noqa: S608
                unique += [name] if int(_one(cursor, whole)) == total else []
        return {"names": names, "rows": found, "total": total, "unique": unique}
    except Exception as error:
        raise _explain(error, table) from error
    finally:
        connection.close()


def execute(value: str, script: str) -> dict[str, Any]:
    """Run the statements of a script in one transaction."""
    connection = _connect(value)
    try:
        cursor = connection.cursor()
        for statement in script.split(";\n"):
            if statement.strip():
                cursor.execute(statement)
        connection.commit()
        return {}
    except Exception as error:
        raise _explain(error, "the views") from error
    finally:
        connection.close()


def sqlite_json(address: Address) -> str:
    """Return a SQLite connection in the form that Airflow takes, quoted for a shell; else ""."""
    if not is_sqlite(address):
        return ""
    from local import warehouse

    host = Path(re.sub("^/+", "/", str(warehouse.read_connection(address.value)["host"])))
    return shlex.quote(json.dumps({"conn_type": "sqlite", "host": str(host.absolute())}))


def _connect(value: str) -> Any:
    from local import warehouse

    try:
        given = warehouse.read_connection(value)
        if given["conn_type"] == "sqlite" and not Path(given["host"]).is_file():
            raise DraftFault(f"no SQLite file {given['host']}: write sqlite:////absolute/path.db")
        return warehouse.connect(value)
    except warehouse.UnknownWarehouse as error:
        raise DraftFault(f"the connection: {_hide(str(error))}") from error


def _one(cursor: Any, statement: str) -> Any:
    cursor.execute(statement)
    return cursor.fetchone()[0]


def _text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return value.isoformat()[:10]
    if isinstance(value, Decimal):
        return format(value, "f")
    return str(value).strip() or None


def _explain(error: Exception, what: str) -> DraftFault:
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return DraftFault(f"{what}: the database says: {text}: check the name and your rights")


def _hide(text: str) -> str:
    """Take the password out of a connection's text."""
    return re.sub(r"(://[^:@/]*:)[^@]*@", r"\1***@", text)


def is_sqlite(address: Address) -> bool:
    """Whether the connection is to a SQLite file."""
    return address.value.startswith("sqlite") or '"sqlite"' in address.value


def _ask(python: Path, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
    done = subprocess.run(  # noqa: S603 - our own module
        [str(python), "-m", "drafting.connection", verb],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'include'}"},
    )
    if done.returncode:
        raise DraftFault(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else verb)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


if __name__ == "__main__":
    try:
        given = json.load(sys.stdin)
        answered = sample(**given) if sys.argv[1] == "sample" else execute(**given)
        print(json.dumps(answered))
    except DraftFault as fault:
        sys.exit(str(fault))
