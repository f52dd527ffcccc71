"""Athena runs Trino SQL over the lake and ends as Athena ends."""

# ruff: noqa: S608

from __future__ import annotations

import gzip
import hashlib
import io
import json
import time
import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

PORTFOLIO = "include/solvencia/portfolios/consumer_credit"
ENDLESS = (
    "SELECT count(*) FROM "
    + ", ".join(f"(VALUES 1, 2, 3, 4, 5, 6) AS t{each}(n{each})" for each in range(16))
    + " WHERE n1 + n2 * n3 > n4 - n5"
)
POOL_SIZE = 4


class Lake:
    """A bucket, a Glue database and a workgroup of their own, and short ways to use them."""

    def __init__(self, aws: Callable[[str], Any]) -> None:
        self.name = f"lake-{uuid.uuid4().hex[:8]}"
        self.database = self.name.replace("-", "_")
        self.s3, self.glue, self.athena = aws("s3"), aws("glue"), aws("athena")
        self.s3.create_bucket(Bucket=self.name)
        self.glue.create_database(DatabaseInput={"Name": self.database})
        self.workgroup("default")

    def workgroup(self, name: str, **rules: Any) -> None:
        location = {"OutputLocation": f"s3://{self.name}/results/"}
        rules = {"EnforceWorkGroupConfiguration": True, "ResultConfiguration": location, **rules}
        self.athena.create_work_group(Name=f"{self.name}-{name}", Configuration=rules)

    def start(self, sql: str, *parameters: str, workgroup: str = "default") -> str:
        """Start a statement and return its id."""
        started = self.athena.start_query_execution(
            QueryString=sql.replace("{lake}", f"s3://{self.name}"),
            QueryExecutionContext={"Database": self.database},
            WorkGroup=f"{self.name}-{workgroup}",
            **({"ExecutionParameters": list(parameters)} if parameters else {}),
        )
        return str(started["QueryExecutionId"])

    def state(self, query_id: str) -> str:
        answer = self.athena.get_query_execution(QueryExecutionId=query_id)
        return str(answer["QueryExecution"]["Status"]["State"])

    def run(self, sql: str, *parameters: str, workgroup: str = "default") -> dict[str, Any]:
        """Run a statement to its end and return its QueryExecution."""
        query_id = self.start(sql, *parameters, workgroup=workgroup)
        for _ in range(1000):
            execution = self.athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
            if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
                return dict(execution)
            time.sleep(0.02)
        raise TimeoutError(sql)

    def ask(self, sql: str, *parameters: str) -> list[list[str | None]]:
        """Return the rows of a query that must succeed, without the header."""
        execution = self.run(sql, *parameters)
        assert execution["Status"]["State"] == "SUCCEEDED", execution["Status"]
        answer = self.athena.get_query_results(**_only_id(execution))["ResultSet"]["Rows"]
        rows = [[cell.get("VarCharValue") for cell in row["Data"]] for row in answer]
        return rows[1:] if execution["StatementType"] == "DML" else rows

    def refusal(self, sql: str, workgroup: str = "default") -> str:
        """Return the reason why a statement failed."""
        status = self.run(sql, workgroup=workgroup)["Status"]
        assert status["State"] == "FAILED", status
        return str(status["StateChangeReason"])

    def put(self, key: str, columns: dict[str, pa.Array]) -> None:
        file = io.BytesIO()
        pq.write_table(pa.table(columns), file)
        self.s3.put_object(Bucket=self.name, Key=key, Body=file.getvalue())

    def keys(self, prefix: str) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.name, Prefix=prefix).get("Contents", [])
        return [each["Key"] for each in listed]

    def read(self, key: str) -> bytes:
        return bytes(self.s3.get_object(Bucket=self.name, Key=key)["Body"].read())


def _only_id(answer: dict[str, Any]) -> dict[str, str]:
    return {"QueryExecutionId": answer["QueryExecutionId"]}


@pytest.fixture(scope="module")
def lake(aws: Callable[[str], Any]) -> Lake:
    """Loans of two registered months, and of a third that nobody registered."""
    made = Lake(aws)
    for month, first in (("2026-09", 1), ("2026-10", 4), ("2026-11", 7)):
        made.put(
            f"loan/period={month}/a.parquet",
            {
                "loan_id": pa.array([first, first + 1, first + 2]),
                "amount": pa.array([100.5, None, 2e7]),
                "granted_on": pa.array([date(2026, 1, 31)] * 3),
                "purpose": pa.array(["car", "", 'a "b", c']),
            },
        )
    made.ask(
        "CREATE EXTERNAL TABLE IF NOT EXISTS loan (loan_id bigint, amount double, "
        "granted_on date, purpose string) PARTITIONED BY (period string) STORED AS PARQUET "
        "LOCATION '{lake}/loan/' TBLPROPERTIES ('classification' = 'parquet')"
    )
    made.ask(
        "ALTER TABLE loan ADD IF NOT EXISTS "
        "PARTITION (period = '2026-09') LOCATION '{lake}/loan/period=2026-09/' "
        "PARTITION (period = '2026-10') LOCATION '{lake}/loan/period=2026-10/'"
    )
    return made


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("7e0 / 2", "3.5"),
        ("sum(loan_id) / count(*)", "3"),
        ("date_add('month', 1, max(granted_on))", "2026-02-28"),
        ("max(granted_on) + interval '1' day", "2026-02-01"),
        ("date_trunc('month', max(granted_on))", "2026-01-01"),
        ("date_diff('month', date '2026-01-31', date '2026-02-27')", "0"),
        ("count_if(loan_id > 5)", "1"),
        ("approx_distinct(loan_id)", "6"),
        ("cardinality(array[1, 2])", "2"),
        ("cast(2.5e0 AS bigint)", "3"),
        ("concat('a', NULL)", None),
        ("max(amount)", "2.0E7"),
        ("1 = 1", "true"),
    ],
)
def test_expressions_mean_what_they_mean_in_trino(
    lake: Lake, expression: str, value: str | None
) -> None:
    """Division, dates, counts and numbers come out as Athena writes them."""
    assert lake.ask(f"SELECT DISTINCT {expression} FROM loan") == [[value]]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT nope FROM loan", "COLUMN_NOT_FOUND: line 1:8: Column 'nope' cannot be resolved"),
        ("SELECT 1 FROM\n nope", "TABLE_NOT_FOUND: line 2:2: Table 'awsdatacatalog."),
        ("SELEC 1", "SYNTAX_ERROR: line 1:1: mismatched input 'SELEC'"),
        ("SELECT loan_id AS x, x + 1 FROM loan", "COLUMN_NOT_FOUND: line 1:22"),
        ("SELECT 1 FROM loan WHERE granted_on > '2026-01-01'", "TYPE_MISMATCH: line 1:26"),
        ("SELECT 1 / 0", "DIVISION_BY_ZERO"),
        ("SELECT CAST('x' AS bigint)", "INVALID_CAST_ARGUMENT"),
        ("SELECT nope(1)", "FUNCTION_NOT_FOUND: line 1:1: Function 'nope' not registered"),
        ("SELECT ?", "INVALID_PARAMETER_USAGE"),
    ],
)
def test_a_faulty_query_fails_with_athenas_reason(lake: Lake, sql: str, reason: str) -> None:
    """The reason names the error, the place and the name at fault."""
    assert lake.refusal(sql).startswith(reason)


def test_a_result_is_where_athena_puts_it(lake: Lake) -> None:
    """When the query has succeeded, its CSV lies at `<location><id>.csv`, quoted but for NULL."""
    done = lake.run("SELECT purpose AS Why, amount, 1 FROM loan WHERE loan_id IN (2, 3) ORDER BY 1")

    key = f"results/{done['QueryExecutionId']}.csv"
    assert done["ResultConfiguration"]["OutputLocation"] == f"s3://{lake.name}/{key}"
    assert lake.keys(key) == [key, f"{key}.metadata"]
    assert lake.read(key).decode() == (
        '"Why","amount","_col2"\n"",,"1"\n"a ""b"", c","2.0E7","1"\n'
    )


def test_only_registered_partitions_are_read(lake: Lake) -> None:
    """A folder that no partition names is not there, until MSCK REPAIR registers it."""
    lake.ask(
        "CREATE EXTERNAL TABLE late (loan_id bigint) PARTITIONED BY (period string) "
        "STORED AS PARQUET LOCATION '{lake}/loan/'"
    )
    before = lake.ask("SELECT count(*) FROM late")
    lake.ask("MSCK REPAIR TABLE late")
    lake.ask("ALTER TABLE late DROP IF EXISTS PARTITION (period = '2026-09')")

    assert lake.ask("SELECT count(*) FROM loan") == [["6"]]
    assert before == [["0"]]
    assert lake.ask("SELECT period, count(*) FROM late GROUP BY 1 ORDER BY 1") == [
        ["2026-10", "3"],
        ["2026-11", "3"],
    ]


def test_a_condition_on_the_partition_saves_bytes(lake: Lake) -> None:
    """DataScannedInBytes counts the columns read of the partitions that can match."""
    whole, part, none = (
        lake.run(f"SELECT sum(loan_id) FROM loan {where}")["Statistics"]["DataScannedInBytes"]
        for where in ("", "WHERE period = '2026-10'", "WHERE period > '2027-01'")
    )

    assert whole == 2 * part > 0
    assert none == 0


def test_a_query_beyond_the_workgroups_limit_fails(lake: Lake) -> None:
    """BytesScannedCutoffPerQuery (10 MB at least) ends the query before it runs."""
    noise = pa.py_buffer(hashlib.shake_128(b"noise").digest(8 * 1_300_000))
    numbers = pa.Array.from_buffers(pa.float64(), 1_300_000, [None, noise])
    lake.put("wide/x.parquet", {"x": numbers, "y": pa.array([True] * 1_300_000)})
    lake.ask(
        "CREATE EXTERNAL TABLE wide (x double, y boolean) STORED AS PARQUET LOCATION '{lake}/wide/'"
    )
    lake.workgroup("tight", BytesScannedCutoffPerQuery=10_000_000)

    reason = lake.refusal("SELECT sum(x) FROM wide", "tight")
    assert reason == "Bytes scanned limit was exceeded"
    assert (
        lake.run("SELECT count(y) FROM wide", workgroup="tight")["Status"]["State"] == "SUCCEEDED"
    )


def test_a_column_of_another_type_is_bad_data(lake: Lake) -> None:
    """A file whose column cannot be read as the catalogue declares it is named."""
    lake.put("odd/x.parquet", {"amount": pa.array([1, 2]), "loan_id": pa.array([1, 2])})
    lake.ask(
        "CREATE EXTERNAL TABLE odd (loan_id bigint, amount double, extra date) "
        "STORED AS PARQUET LOCATION '{lake}/odd/'"
    )

    assert lake.refusal("SELECT max(amount) FROM odd") == (
        "HIVE_BAD_DATA: Field amount's type BIGINT in parquet file "
        f"s3://{lake.name}/odd/x.parquet is incompatible with type double defined in table schema"
    )
    assert lake.ask("SELECT loan_id, extra FROM odd ORDER BY 1 DESC LIMIT 1") == [["2", None]]


def test_unload_writes_parts_without_the_part_column(lake: Lake) -> None:
    """UNLOAD gives one folder for each part, rows in order, every column nullable."""
    sql = (
        "-- two parts\nUNLOAD (\nSELECT loan_id, amount, sum(loan_id) OVER () AS total, "
        "CAST(mod(loan_id, 2) AS VARCHAR) AS part FROM loan ORDER BY loan_id DESC -- newest first\n"
        ") TO '{lake}/unloaded/' "
        "WITH (format = 'PARQUET', compression = 'SNAPPY', partitioned_by = ARRAY['part'])"
    )
    done = lake.run(sql)

    even, odd = lake.keys("unloaded/")
    assert even.startswith("unloaded/part=0/")
    assert odd.startswith("unloaded/part=1/")
    table = pq.read_table(io.BytesIO(lake.read(odd)), partitioning=None)
    assert table.column_names == ["loan_id", "amount", "total"]
    assert table["loan_id"].to_pylist() == [5, 3, 1]
    assert table.schema.field("total") == pa.field("total", pa.int64(), nullable=True)
    manifest = done["Statistics"]["DataManifestLocation"].removeprefix(f"s3://{lake.name}/")
    assert lake.read(manifest).decode().split() == [f"s3://{lake.name}/{k}" for k in (even, odd)]
    assert lake.refusal(sql).startswith("HIVE_PATH_ALREADY_EXISTS")


def test_a_failing_unload_leaves_nothing(lake: Lake) -> None:
    """No object lies in the target of an UNLOAD that failed in its last row."""
    sql = (
        "UNLOAD (SELECT 1 / (loan_id - 6) AS x FROM loan) TO '{lake}/none/' WITH (format = 'JSON')"
    )

    assert lake.refusal(sql) == "DIVISION_BY_ZERO: Division by zero"
    assert lake.keys("none/") == []


def test_unload_writes_text_too(lake: Lake) -> None:
    """TEXTFILE takes its delimiter, JSON has an object on each line; both are gzipped."""
    query = "SELECT loan_id, purpose FROM loan WHERE loan_id < 3 ORDER BY 1"
    lake.ask(f"UNLOAD ({query}) TO '{{lake}}/j/' WITH (format = 'JSON')")
    lake.ask(f"UNLOAD ({query}) TO '{{lake}}/t/' WITH (format = 'TEXTFILE', field_delimiter = ',')")

    lines = gzip.decompress(lake.read(lake.keys("j/")[0])).splitlines()
    assert [json.loads(line) for line in lines] == [
        {"loan_id": 1, "purpose": "car"},
        {"loan_id": 2, "purpose": ""},
    ]
    assert gzip.decompress(lake.read(lake.keys("t/")[0])) == b"1,car\n2,\n"


def test_tables_views_and_inserts_live_in_the_catalogue(lake: Lake) -> None:
    """CTAS, INSERT and views can be read back, described and dropped."""
    lake.ask(
        "CREATE TABLE big WITH (format = 'PARQUET', external_location = '{lake}/big/', "
        "partitioned_by = ARRAY['period']) AS SELECT loan_id, period FROM loan WHERE loan_id > 2"
    )
    lake.ask("INSERT INTO big (loan_id, period) VALUES (9, '2026-12')")
    lake.ask("CREATE OR REPLACE VIEW months AS SELECT period, count(*) AS n FROM big GROUP BY 1")
    lake.ask("CREATE OR REPLACE VIEW months AS SELECT period, count(*) AS n FROM big GROUP BY 1")

    assert lake.ask("SELECT m.n FROM months m WHERE period >= '2026-10' ORDER BY period") == [
        ["3"],
        ["1"],
    ]
    assert lake.ask("DESCRIBE big") == [["loan_id", "bigint", ""], ["period", "string", ""]]
    columns = lake.ask(
        "SELECT column_name, data_type FROM information_schema.columns "
        f"WHERE table_schema = '{lake.database}' AND table_name = 'months'"
    )
    assert columns == [["period", "varchar"], ["n", "bigint"]]
    lake.ask("DROP VIEW IF EXISTS months")
    lake.ask("DROP TABLE IF EXISTS big")
    assert lake.refusal("SELECT * FROM months").startswith("TABLE_NOT_FOUND")


def test_parameters_fill_a_prepared_statement(lake: Lake) -> None:
    """EXECUTE takes its values from USING or from the execution's parameters."""
    lake.ask("PREPARE counted FROM SELECT count(*) FROM loan WHERE period = ? AND loan_id > ?")

    assert lake.ask("EXECUTE counted USING '2026-10', 4") == [["2"]]
    assert lake.ask("EXECUTE counted", "'2026-09'", "0") == [["3"]]
    assert lake.ask("SELECT ? || 'x'", "'a'") == [["ax"]]


def test_a_cte_may_have_the_name_of_the_table_it_reads(lake: Lake) -> None:
    """The name inside means the table, outside the CTE."""
    sql = "WITH loan AS (SELECT loan_id FROM loan WHERE period = '2026-10') SELECT * FROM loan"

    assert sorted(lake.ask(sql)) == [["4"], ["5"], ["6"]]


def test_an_outer_join_keeps_rows_that_a_pruned_partition_would_lose(lake: Lake) -> None:
    """A condition that NULL fulfils prunes nothing."""
    sql = (
        "SELECT count(*) FROM (VALUES (1), (4)) AS v(id) LEFT JOIN loan ON loan_id = id "
        "WHERE coalesce(period, '2026-10') = '2026-10'"
    )

    assert lake.ask(sql) == [["1"]]


def test_stopped_queries_make_room_at_once(lake: Lake, wait_until: Callable[..., Any]) -> None:
    """StopQueryExecution ends the work, not only its state, and writes no result."""
    stopped = [lake.start(ENDLESS) for _ in range(POOL_SIZE)]
    wait_until(lambda: {lake.state(each) for each in stopped} == {"RUNNING"})
    stopped += [lake.start(ENDLESS) for _ in range(POOL_SIZE)]  # these wait, or begin when stopped
    for each in stopped:
        lake.athena.stop_query_execution(QueryExecutionId=each)

    assert lake.ask("SELECT 1") == [["1"]]
    assert {lake.state(each) for each in stopped} == {"CANCELLED"}
    assert [key for each in stopped for key in lake.keys(f"results/{each}")] == []


def test_a_running_query_does_not_keep_the_server(
    new_server: Callable[..., Any], wait_until: Callable[..., Any]
) -> None:
    """SIGTERM ends the server, whatever its queries do and whichever wait for them."""
    other = new_server().start()
    busy = Lake(other.client)
    started = [busy.start(ENDLESS) for _ in range(POOL_SIZE + 1)]
    wait_until(lambda: [busy.state(each) for each in started].count("RUNNING") == POOL_SIZE)
    other.stop()

    assert other.process.returncode == 0


@pytest.fixture(scope="module")
def credit(lake: Lake) -> Lake:
    """The five raw tables: three matured applications, a repeated key and an immature one."""
    ids = pa.array([1, 2, 3])
    shapes = {
        "application": {"application_id": ids, "applicant_id": ids, "applied_on": None},
        "applicant": {"applicant_id": ids, "recorded_on": None, "age_years": ids}
        | {"dependents_count": ids},
        "income": {"applicant_id": ids, "recorded_on": None}
        | {name: pa.array([1.5, 2.5, None]) for name in ("monthly_income_usd", "debt_ratio")},
        "bureau": {"application_id": ids, "recorded_on": None}
        | {"revolving_utilisation_ratio": pa.array([0.1, 0.2, 0.3])}
        | {f"past_due_{days}_days_count": ids for days in ("30_59", "60_89", "90")}
        | {"open_credit_lines_count": ids, "real_estate_loans_count": ids},
    }
    for name, columns in shapes.items():
        days = pa.array([date(2024, 10, 1)] * 3)
        full = {key: days if each is None else each for key, each in columns.items()}
        lake.put(f"raw/{name}/period=2024-10/a.parquet", full)
    lake.put(
        "raw/application/period=2026-09/b.parquet",
        {
            "application_id": pa.array([3, 4]),
            "applicant_id": pa.array([3, 1]),
            "applied_on": pa.array([date(2024, 10, 1), date(2026, 9, 3)]),
        },
    )
    for name, later in (("income", {"monthly_income_usd": 0.0}), ("bureau", {})):
        known = {key: each[:1] for key, each in shapes[name].items() if each is not None}
        known |= {key: pa.array([value]) for key, value in later.items()}
        known |= {key: pa.array([99]) for key in known if key.startswith("past_due")}
        full = {key: known.get(key, pa.array([date(2025, 6, 1)])) for key in shapes[name]}
        lake.put(f"raw/{name}/period=2025-06/later.parquet", full)
    lake.put(
        "raw/performance/period=2026-10/a.parquet",
        {
            "application_id": ids,
            "closed_on": pa.array([date(2026, 10, 1)] * 3),
            "is_seriously_delinquent": pa.array([0, 1, 0]),
        },
    )
    for name in (*shapes, "performance"):
        key = lake.keys(f"raw/{name}/")[0]
        schema = pq.read_schema(io.BytesIO(lake.read(key)))
        kinds = {pa.int64(): "bigint", pa.float64(): "double", pa.date32(): "date"}
        columns = ", ".join(f"{each.name} {kinds[each.type]}" for each in schema)
        lake.ask(
            f"CREATE EXTERNAL TABLE {name} ({columns}) PARTITIONED BY (period string) "
            f"STORED AS PARQUET LOCATION '{{lake}}/raw/{name}/'"
        )
        lake.ask(f"MSCK REPAIR TABLE {name}")
    lake.ask(
        "CREATE EXTERNAL TABLE prepared (application_id bigint, part_no bigint) "
        "PARTITIONED BY (period string, part string) STORED AS PARQUET "
        "LOCATION '{lake}/prepared/'"
    )
    return lake


def test_the_portfolios_queries_run_as_they_are(credit: Lake, request: Any) -> None:
    """prepare.sql unloads one row for each matured key; reconcile.sql accounts for every row."""
    folder = request.config.rootpath / PORTFOLIO
    texts = {}
    for name in ("prepare", "reconcile"):
        text = (folder / f"{name}.sql").read_text()
        for place, value in (
            ("{{ partition_key }}", "2026-10"),
            ("{{ params.parts }}", "4"),
            ("{{ params.window_months }}", "24"),
        ):
            text = text.replace(place, value)
        texts[name] = text
    credit.ask(
        f"UNLOAD (\n{texts['prepare']}\n) TO '{{lake}}/prepared/period=2026-10/' "
        "WITH (format = 'PARQUET', compression = 'SNAPPY', partitioned_by = ARRAY['part'])"
    )
    credit.ask("MSCK REPAIR TABLE prepared")

    parts = [key.split("/")[2] for key in credit.keys("prepared/")]
    assert parts == ["part=1", "part=2", "part=3"]
    assert credit.ask(texts["reconcile"]) == [["5", "1", "1", "3"]]
    rows = credit.ask(f"SELECT * FROM ({texts['prepare']}) ORDER BY application_id")
    # What was recorded of the first person after the application is not what she is judged by.
    assert rows[0][4] == "1.5"
    assert rows[0][7:10] == ["1", "1", "1"]
