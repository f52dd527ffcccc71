"""PostgreSQL as the warehouse: the same rows give the same raw bytes as from SQLite."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from solvencia import extract

BINARIES = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)
TYPES = {"integer": "BIGINT", "number": "DOUBLE PRECISION", "text": "TEXT", "date": "DATE"}

pytestmark = pytest.mark.skipif(
    BINARIES is None, reason="PostgreSQL's server is not installed (Debian: postgresql)"
)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Start a server of the test's own, which refuses to run as root."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    folder = Path("/tmp") / f"solvencia-postgres-{port}"  # its user must be able to get there
    folder.mkdir()
    owner: dict[str, Any] = {}
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
        owner = {"user": "postgres", "group": "postgres", "extra_groups": []}

    def run(*command: str) -> None:
        subprocess.run(
            [f"{BINARIES}/{command[0]}", "-D", str(folder / "data"), *command[1:]],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=60,
            **owner,
        )

    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    run("initdb", "-A", "trust", "-U", "lender")
    run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield port
    finally:
        run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture(params=["psycopg", "psycopg2"])
def postgres(request: pytest.FixtureRequest, port: int, product: Any, rows: Any) -> Iterator[Any]:
    """A warehouse with the literal rows, through each driver that Airflow may use."""
    driver = pytest.importorskip(request.param)
    connection = driver.connect(
        host="127.0.0.1", port=port, user="lender", password="-", dbname="postgres"
    )
    cursor = connection.cursor()
    for table in product.tables.values():
        columns = ", ".join(f"{name} {TYPES[kind]}" for name, kind in table.columns.items())
        cursor.execute(f"DROP TABLE IF EXISTS {table.name}")
        cursor.execute(f"CREATE TABLE {table.name} ({columns})")
        marks = ", ".join(["%s"] * len(table.columns))
        cursor.executemany(
            f"INSERT INTO {table.name} VALUES ({marks})",  # noqa: S608 - our own names
            rows[table.name],
        )
    connection.commit()
    yield connection
    connection.close()


def test_postgresql_gives_the_bytes_that_sqlite_gives(
    postgres, warehouse, s3, bucket, product, tmp_path, monkeypatch
):
    """Neither the database, its driver nor the size of its batches shows in raw."""
    monkeypatch.setattr(extract, "ROWS_PER_FETCH", 2)

    from_postgres = extract.ingest(postgres, s3, bucket, product, "2026-10", tmp_path)
    from_sqlite = extract.ingest(warehouse, s3, bucket, product, "2026-10", tmp_path)

    assert from_postgres == from_sqlite


def test_a_missing_table_is_named_and_the_connection_stays_usable(
    postgres, s3, bucket, product, tmp_path
):
    """PostgreSQL's failed transaction is rolled back, so that the next try can go on."""
    cursor = postgres.cursor()
    cursor.execute("ALTER TABLE bureau RENAME TO bureau_2")
    postgres.commit()

    with pytest.raises(extract.WarehouseMismatch, match="no table 'bureau'"):
        extract.ingest(postgres, s3, bucket, product, "2026-10", tmp_path)

    cursor.execute("ALTER TABLE bureau_2 RENAME TO bureau")
    postgres.commit()
    manifest = extract.ingest(postgres, s3, bucket, product, "2026-10", tmp_path)
    assert manifest["tables"]["bureau"]["rows"] == 3
