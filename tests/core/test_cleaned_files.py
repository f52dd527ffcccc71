from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import PERIOD, make_prepared

from solvencia.clean import MissingColumn, clean
from solvencia.portfolio import Field
from solvencia.split import assign

cleaned_files = pytest.importorskip(
    "solvencia.cleaned_files", reason="needs duckdb", exc_type=ImportError
)

CLEANED = ["application_id", "applied_on", "is_seriously_delinquent", "age_years"]


def write_prepared(folder, columns, *, files: int = 2, seed: int = 0) -> list:
    """Write the rows in a random order over several objects, as UNLOAD does."""
    folder.mkdir(exist_ok=True)
    arrays = {
        name: pa.array(values, mask=np.isnan(values) if values.dtype.kind == "f" else None)
        for name, values in columns.items()
    }
    table = pa.table(arrays)
    order = np.random.default_rng(seed).permutation(len(table))
    paths = []
    for place, rows in enumerate(np.array_split(order, files)):
        paths.append(folder / f"prepared-{seed}-{place}.parquet")
        pq.write_table(table.take(rows), paths[-1])
    return paths


def run(consumer_credit, folder, files, period=PERIOD):
    folder.mkdir(exist_ok=True)
    return cleaned_files.clean_files(
        portfolio=consumer_credit, period=period, files=files, folder=folder, source="s3://b/p/"
    )


@pytest.fixture
def dirty():
    """1,000 applications, three of which cannot be cleaned."""
    columns = make_prepared(1000)
    columns["open_credit_lines_count"][4] = 999
    columns["age_years"][4] = 12
    columns["revolving_utilisation_ratio"][500] = 3000.5
    columns["applied_on"][700] = np.datetime64("2024-11-02")
    return columns


def test_counts_reconcile(consumer_credit, dirty, tmp_path):
    """Prepared rows are cleaned or quarantined, and each reason is counted."""
    _, counts = run(consumer_credit, tmp_path / "out", write_prepared(tmp_path, dirty))

    assert counts["prepared"] == 1000
    assert sum(counts["cleaned"].values()) + counts["quarantined"] == 1000
    assert counts["quarantined"] == 3
    assert counts["quarantined_by"] == {
        "age_years: below 18": 1,
        "applied_on: performance window still open": 1,
        "open_credit_lines_count: above 200": 1,
        "revolving_utilisation_ratio: above 100": 1,
    }


def test_objects_hold_what_the_core_cleans(consumer_credit, dirty, tmp_path):
    """Each split's object has its rows by key, with the core's values and NULL for missing."""
    outputs, counts = run(consumer_credit, tmp_path / "out", write_prepared(tmp_path, dirty))

    core = clean(consumer_credit, dirty)
    keys, dates = core.columns["application_id"], core.columns["applied_on"]
    split = assign(consumer_credit, PERIOD, keys, dates)
    is_kept = core.is_accepted & (np.arange(1000) != 700)
    for name in ("train", "validation", "test"):
        table = pq.read_table(outputs[name])
        rows = is_kept & (split == name)
        assert table.column_names == [*CLEANED, *(each.name for each in consumer_credit.features)]
        assert len(table) == counts["cleaned"][name] > 50
        for column in table.column_names:
            np.testing.assert_array_equal(
                table[column].to_numpy(), core.columns[column][rows], err_msg=column
            )
    assert pq.read_table(outputs["train"])["monthly_income_usd"].null_count > 10


def test_the_quarantine_keeps_the_row_and_its_reasons(consumer_credit, dirty, tmp_path):
    """A refused row lies there as it was prepared, with every reason."""
    outputs, _ = run(consumer_credit, tmp_path / "out", write_prepared(tmp_path, dirty))

    rows = pq.read_table(outputs["quarantine"]).to_pylist()

    assert [row["application_id"] for row in rows] == [5, 501, 701]
    assert rows[0]["reasons"] == "age_years: below 18; open_credit_lines_count: above 200"
    assert rows[0]["open_credit_lines_count"] == 999
    assert rows[1]["revolving_utilisation_ratio"] == 3000.5


def test_the_same_rows_give_the_same_bytes(consumer_credit, dirty, tmp_path, monkeypatch):
    """Another order, other objects and another batch size write identical files."""
    first, _ = run(consumer_credit, tmp_path / "a", write_prepared(tmp_path, dirty))
    monkeypatch.setattr(cleaned_files, "BATCH_ROWS", 7)
    files = write_prepared(tmp_path, dirty, files=5, seed=9)
    second, _ = run(consumer_credit, tmp_path / "b", files)

    for name, path in first.items():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assert digest == hashlib.sha256(second[name].read_bytes()).hexdigest(), name


def test_an_empty_part_writes_typed_objects(consumer_credit, dirty, tmp_path):
    """A part without objects gives zeros, and objects with the columns and types of full ones."""
    full, _ = run(consumer_credit, tmp_path / "full", write_prepared(tmp_path, dirty))

    empty, counts = run(consumer_credit, tmp_path / "empty", [])

    assert counts == {
        "prepared": 0,
        "cleaned": {"train": 0, "validation": 0, "test": 0},
        "quarantined": 0,
        "quarantined_by": {},
    }
    for name in ("train", "validation", "test"):
        schemas = [pq.read_schema(each[name]) for each in (empty, full)]
        assert schemas[0].names == schemas[1].names
        assert schemas[0].types == schemas[1].types
        assert pq.read_table(empty[name]).num_rows == 0
    assert pq.read_schema(empty["quarantine"]).names == pq.read_schema(full["quarantine"]).names


@pytest.fixture
def keeping(consumer_credit):
    """The portfolio, had it kept the applications that it declined."""
    decision = Field("is_approved", "decision", "integer", minimum=0, maximum=1)
    return replace(consumer_credit, fields={**consumer_credit.fields, decision.name: decision})


@pytest.fixture
def decided(dirty):
    """Every third application declined and without outcome; a few are decided wrongly."""
    decisions = np.where(np.arange(1000) % 3 == 0, 0.0, 1.0)
    outcome = np.where(decisions == 1, dirty["is_seriously_delinquent"], np.nan)
    outcome[1], outcome[3] = np.nan, 1.0
    decisions[7], decisions[8] = np.nan, 2.0
    return dirty | {"is_seriously_delinquent": outcome, "is_approved": decisions}


def test_declined_applications_lie_apart(keeping, decided, tmp_path):
    """Those without outcome are no fault and no test; one with an outcome is refused."""
    outputs, counts = run(keeping, tmp_path / "out", write_prepared(tmp_path, decided))

    declined = pq.read_table(outputs["declined"])
    keys = set(declined["application_id"].to_pylist())
    assert counts["quarantined_by"] == {
        "age_years: below 18": 1,
        "applied_on: performance window still open": 1,
        "is_approved: above 1": 1,
        "is_approved: missing": 1,
        "is_seriously_delinquent: known, though declined": 1,
        "is_seriously_delinquent: missing": 1,
        "open_credit_lines_count: above 200": 1,
        "revolving_utilisation_ratio: above 100": 1,
    }
    assert counts["declined"] == {"prepared": 334, "quarantined": 1}
    assert counts["cleaned"]["declined"] == len(declined) == 333
    assert sum(counts["cleaned"].values()) + counts["quarantined"] == counts["prepared"]
    assert keys == {place + 1 for place in range(0, 1000, 3)} - {4}
    assert declined["is_seriously_delinquent"].null_count == 333
    for name in ("train", "validation", "test"):
        table = pq.read_table(outputs[name])
        assert table.column_names == declined.column_names
        assert not keys & set(table["application_id"].to_pylist())
        assert table["is_seriously_delinquent"].null_count == 0


def test_declined_rows_give_the_same_bytes(keeping, decided, tmp_path, monkeypatch):
    """Their object does not depend on batches or on the order of the rows."""
    first, _ = run(keeping, tmp_path / "a", write_prepared(tmp_path, decided))
    monkeypatch.setattr(cleaned_files, "BATCH_ROWS", 7)
    files = write_prepared(tmp_path, decided, files=5, seed=9)
    second, _ = run(keeping, tmp_path / "b", files)

    assert first["declined"].read_bytes() == second["declined"].read_bytes()


def test_a_missing_column_is_named(consumer_credit, dirty, tmp_path):
    """Any object without a declared column stops the part and names the column and the place."""
    good = write_prepared(tmp_path, dirty)
    del dirty["age_years"], dirty["debt_ratio"]
    bad = write_prepared(tmp_path / "bad", dirty)

    with pytest.raises(MissingColumn, match="s3://b/p/ has no column age_years, debt_ratio"):
        run(consumer_credit, tmp_path / "out", [*good, *bad])


def test_text_in_a_number_column_is_parsed_or_refused(consumer_credit, dirty, tmp_path):
    """A column that arrives as text is read as numbers; what cannot be read is quarantined."""
    texts = np.array([str(each) for each in dirty["debt_ratio"]], dtype=object)
    texts[3] = "n/a"
    files = write_prepared(tmp_path, dirty | {"debt_ratio": texts})

    outputs, counts = run(consumer_credit, tmp_path / "out", files)

    numbers, _ = run(consumer_credit, tmp_path / "typed", write_prepared(tmp_path, dirty, seed=3))
    assert counts["quarantined_by"]["debt_ratio: not a number"] == 1
    assert pq.read_table(outputs["test"]) == pq.read_table(numbers["test"])
