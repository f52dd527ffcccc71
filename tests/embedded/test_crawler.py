"""A crawl finds tables, partitions and types in the objects themselves."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROLE = "arn:aws:iam::000000000000:role/crawler"


class Crawl:
    """A bucket, a database and a crawler over `raw/`."""

    def __init__(self, aws: Callable[[str], Any], wait: Callable[..., Any]) -> None:
        self.name = f"crawl-{uuid.uuid4().hex[:8]}"
        self.s3, self.glue, self.wait = aws("s3"), aws("glue"), wait
        self.s3.create_bucket(Bucket=self.name)
        self.glue.create_database(DatabaseInput={"Name": self.name})
        self.glue.create_crawler(
            Name=self.name,
            Role=ROLE,
            DatabaseName=self.name,
            TablePrefix="raw_",
            Targets={"S3Targets": [{"Path": f"s3://{self.name}/raw/"}]},
            SchemaChangePolicy={"DeleteBehavior": "DELETE_FROM_DATABASE"},
        )

    def put(self, key: str, columns: dict[str, list[Any]]) -> None:
        file = io.BytesIO()
        pq.write_table(pa.table(columns), file)
        self.s3.put_object(Bucket=self.name, Key=key, Body=file.getvalue())

    def run(self) -> dict[str, Any]:
        """Crawl to the end and return LastCrawl with the metrics."""
        self.glue.start_crawler(Name=self.name)
        self.wait(lambda: self.state()["State"] == "READY")
        metrics = self.glue.get_crawler_metrics(CrawlerNameList=[self.name])
        return {**self.state()["LastCrawl"], **metrics["CrawlerMetricsList"][0]}

    def state(self) -> dict[str, Any]:
        return dict(self.glue.get_crawler(Name=self.name)["Crawler"])

    def table(self, name: str) -> dict[str, Any]:
        return dict(self.glue.get_table(DatabaseName=self.name, Name=name)["Table"])

    def names(self) -> list[str]:
        listed = self.glue.get_tables(DatabaseName=self.name)["TableList"]
        return sorted(each["Name"] for each in listed)

    def partitions(self, name: str) -> dict[str, dict[str, str]]:
        """Return the columns of each partition, by its first value."""
        listed = self.glue.get_partitions(DatabaseName=self.name, TableName=name)["Partitions"]
        return {each["Values"][0]: _types(each["StorageDescriptor"]) for each in listed}


def _types(storage: dict[str, Any]) -> dict[str, str]:
    return {each["Name"]: each["Type"] for each in storage["Columns"]}


@pytest.fixture
def crawl(aws: Callable[[str], Any], wait_until: Callable[..., Any]) -> Crawl:
    return Crawl(aws, wait_until)


def test_an_empty_target_gives_no_table_and_succeeds(crawl: Crawl) -> None:
    """A crawl of nothing is a success without tables."""
    done = crawl.run()

    assert (done["Status"], done["TablesCreated"]) == ("SUCCEEDED", 0)
    assert crawl.names() == []


def test_each_folder_becomes_a_table_with_its_partitions(crawl: Crawl) -> None:
    """Folders below the target are tables, `k=v` folders string partition keys."""
    crawl.put("raw/loan/period=2026-09/a.parquet", {"Loan_Id": [1], "rate": [0.5]})
    crawl.put("raw/loan/period=2026-10/a.parquet", {"Loan_Id": [2], "rate": [0.5]})
    crawl.put("raw/loan/_temporary/x.parquet", {"junk": [1]})
    csv = b"id,name,amount,day\n1,a,2.5,2026-01-01\n"
    crawl.s3.put_object(Bucket=crawl.name, Key="raw/branch/b.csv", Body=csv)
    done = crawl.run()

    loan = crawl.table("raw_loan")
    assert done["TablesCreated"] == 2
    assert _types(loan["StorageDescriptor"]) == {"loan_id": "bigint", "rate": "double"}
    assert loan["PartitionKeys"] == [{"Name": "period", "Type": "string"}]
    assert loan["Parameters"]["classification"] == "parquet"
    assert list(crawl.partitions("raw_loan")) == ["2026-09", "2026-10"]
    assert _types(crawl.table("raw_branch")["StorageDescriptor"]) == {
        "id": "bigint",
        "name": "string",
        "amount": "double",
        "day": "string",
    }


def test_a_second_crawl_shows_what_changed(crawl: Crawl) -> None:
    """Partitions come and go; where types disagree the table widens and the partition tells."""
    for month in ("2026-08", "2026-09"):
        crawl.put(f"raw/loan/period={month}/a.parquet", {"loan_id": [1], "rate": [1]})
    crawl.put("raw/gone/a.parquet", {"x": [1]})
    crawl.run()
    crawl.s3.delete_object(Bucket=crawl.name, Key="raw/loan/period=2026-08/a.parquet")
    crawl.s3.delete_object(Bucket=crawl.name, Key="raw/gone/a.parquet")
    crawl.put("raw/loan/period=2026-10/a.parquet", {"loan_id": ["x"], "rate": [1.5]})
    changed = crawl.run()
    same = crawl.run()

    assert _types(crawl.table("raw_loan")["StorageDescriptor"]) == {
        "loan_id": "string",
        "rate": "double",
    }
    assert crawl.partitions("raw_loan") == {
        "2026-09": {"loan_id": "bigint", "rate": "bigint"},
        "2026-10": {"loan_id": "string", "rate": "double"},
    }
    assert crawl.names() == ["raw_loan"]
    assert (changed["TablesUpdated"], changed["TablesDeleted"]) == (1, 1)
    assert (same["TablesUpdated"], same["TablesDeleted"]) == (0, 0)


def test_folders_that_are_no_table_fail_the_crawl(crawl: Crawl) -> None:
    """A file whose partition keys differ from its neighbours' is named."""
    crawl.put("raw/loan/period=2026-09/a.parquet", {"x": [1]})
    crawl.put("raw/loan/region=eu/a.parquet", {"x": [1]})
    done = crawl.run()

    assert done["Status"] == "FAILED"
    assert "region=eu/a.parquet has the partition keys ['region']" in done["ErrorMessage"]
