"""What cannot be drafted is refused with file, row or column, and the cure; nothing is written."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import lender
import pytest

from drafting import __main__ as command
from drafting import draft
from drafting.column import Reading
from drafting.plan import Wishes
from drafting.source import DraftFault


def fault(options, place) -> str:
    with pytest.raises(DraftFault) as raised:
        draft.make(options, place)
    assert not (place.portfolios / options.name).exists()
    assert not place.warehouse(options.name).exists()
    return str(raised.value)


@pytest.mark.parametrize(
    "name", ["Loans", "car-loans", "car__loans", "_cars", "9cars", "a" * 41, ""]
)
def test_a_name_that_no_dag_may_have(table, place, write, name):
    """The error says how a name is written."""
    options = replace(write(table[:1]), name=name)

    with pytest.raises(DraftFault, match="lower case, words joined by single underscores"):
        draft.make(options, place)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty: export the applications again"),
        ("a;b\n", "has a header and no rows"),
        ("a\n1\n2\n", "line 1: has one column when cut at ',': name the delimiter with DELIMITER="),
        ("1;2;3\n4;5;6\n", "line 1: holds numbers, not names: put a header above the rows"),
        ("a;b\n1;2\n3;4;5\n6;7\n", "line 3: has 3 fields, the header has 2"),
        ('a;b\n1;2\n3;"4\n', "line 3: unexpected end of data: close the quotes"),
        ("PK\x03\x04", "is a zip or an Excel workbook: save the sheet as CSV"),
    ],
)
def test_a_broken_file(place, write, text, problem):
    """Each names the file, the line and what to do."""
    found = fault(write(None, text=text), place)

    assert problem in found
    assert "prestamos.csv" in found


def test_a_missing_file(place):
    """A path that leads nowhere is said to."""
    options = draft.Options("prestamos", "/nowhere/loans.csv", "Estado")

    assert fault(options, place) == "FROM=/nowhere/loans.csv: no such file: check the path"


def test_neither_a_file_nor_a_connection(place):
    """A bare word may be either: the error says that it is none of them."""
    options = draft.Options("prestamos", "loans", "Estado")

    assert "FROM=loans: neither a file here nor a connection (no AIRFLOW_CONN_LOANS" in fault(
        options, place
    )


def test_a_torn_archive(place, write, table):
    """A gzip file that ends early cannot be read."""
    options = write(table)
    path = Path(options.origin)
    path.write_bytes(gzip.compress(path.read_bytes())[:-20])

    assert "cannot be read" in fault(options, place)


def test_an_encoding_that_does_not_fit(place, write, table):
    """A named encoding that the bytes do not have is refused."""
    options = replace(write(table, encoding="cp1252"), encoding="utf-8")

    assert "is not text in utf-8: name its encoding with ENCODING=" in fault(options, place)


def change(table, row: int, **values: str):
    rows = [dict(each) for each in table]
    rows[row].update(values)
    return rows


def test_a_slip_in_a_column_of_numbers(place, write, table):
    """Line and column are named, the value is not; MISSING= or TEXT= cure it."""
    rows = change(table, 41, **{"Ingreso Mensual": "12x0"})
    found = fault(write(rows), place)

    assert "prestamos.csv: line 43, column 'Ingreso Mensual': the value is not a number" in found
    assert "MISSING=word" in found
    assert "12x0" not in found


def test_slips_in_several_columns_are_told_at_once(place, write, table):
    """One look at the error is enough to correct the file."""
    rows = change(table, 41, **{"Ingreso Mensual": "12x0", "Fecha de Solicitud": "31/02/2024"})
    found = fault(write(rows), place)

    assert "line 43, column 'Fecha de Solicitud'" in found
    assert "line 43, column 'Ingreso Mensual'" in found


def test_a_word_for_missing_is_taken_when_named(place, write, table):
    """The same file passes once MISSING= names the word."""
    rows = change(table, 41, **{"Ingreso Mensual": "no declara"})

    made = draft.make(write(rows, reading=Reading(missing=frozenset({"no declara"}))), place)

    assert made.plan.source.rows == len(table)


def test_a_slip_in_a_column_of_dates(place, write, table):
    """A day that no month has is named by its line."""
    found = fault(write(change(table, 7, **{"Fecha de Solicitud": "31/02/2024"})), place)

    assert "line 9, column 'Fecha de Solicitud': the value is not a date" in found


def test_an_unknown_target(place, write, table):
    """The nearest names are offered."""
    found = fault(write(table, target="Estados"), place)

    assert "has no column 'Estados': there is Estado" in found


def test_a_target_of_three_values(place, write, table):
    """Only two values make a label."""
    found = fault(write(change(table, 3, Estado="judicial")), place)

    assert "column 'Estado': the target has 3 different values, not 2 ('al día'" in found
    assert "'judicial' 1" in found


def test_a_word_for_an_unknown_outcome_is_taken_when_named(place, write, table):
    """The same file passes once MISSING= names the third value."""
    rows = change(table, 3, Estado="judicial")

    made = draft.make(write(rows, reading=Reading(missing=frozenset({"judicial"}))), place)

    assert made.plan.target.known == len(table) - 1


def test_a_bad_value_that_is_not_there(place, write, table):
    """BAD= must be one of the two, which are listed."""
    found = fault(write(table, wishes=Wishes(bad="impago")), place)

    assert "BAD='impago' is not one of its values: al día, moroso" in found


def test_a_key_that_repeats(place, write, table):
    """The second row of the pair is named."""
    rows = change(table, 9, **{"Nº Solicitud": table[2]["Nº Solicitud"]})
    found = fault(write(rows, wishes=Wishes(key="Nº Solicitud")), place)

    assert "line 11, column 'Nº Solicitud': the key stands in an earlier row, too" in found
    assert "KEY=none" in found


def test_a_key_that_nearly_is_one(place, write, table):
    """A slip in the key is not passed over by numbering the rows."""
    rows = change(table, 9, **{"Nº Solicitud": table[2]["Nº Solicitud"]})
    found = fault(write(rows), place)

    assert "column 'Nº Solicitud' looks like the key, but 1 of its values repeat" in found


def test_a_time_that_is_no_date(place, write, table):
    """TIME= wants a column of dates."""
    found = fault(write(table, wishes=Wishes(time="Atrasos")), place)

    assert "column 'Atrasos': TIME= wants dates, this is a integer" in found


def test_a_window_beyond_the_months(place, write, table):
    """No month would be left to train: the error says which months there are."""
    found = fault(write(table, wishes=Wishes(window_months=30)), place)

    assert "2023-01 to 2024-12 leave 0 month(s)" in found


def test_too_few_rows(place, write, table):
    """A scorecard of a hundred rows is none."""
    assert "has 100 rows: a scorecard needs 200" in fault(write(table[:100]), place)


def test_too_few_bads(place, write, table):
    """Twenty of each outcome are the least."""
    rows = [dict(row, Estado="moroso" if n < 7 else "al día") for n, row in enumerate(table)]

    assert "7 bad and 1993 good rows: a model needs 20 of each" in fault(write(rows), place)


def test_too_few_features(place, write, table):
    """Three fields at least, as a decision cites three reasons."""
    kept = ("Nº Solicitud", "Fecha de Solicitud", "Atrasos", "Saldo Final", "Estado")
    found = fault(write([{name: row[name] for name in kept} for row in table]), place)

    assert "1 column(s) can be features, 3 are needed" in found
    assert "'Saldo Final' LIKELY LEAK" in found


def test_the_command_says_what_is_missing(capsys):
    """Without TARGET= the command ends with 1 and the way to call it."""
    code = command.main(["--name", "x", "--from", "y.csv"])

    assert code == 1
    assert "TARGET= is missing: make portfolio NAME=x FROM=data.csv" in capsys.readouterr().err


def test_the_lender_s_file_is_the_same_every_time():
    """A seed makes the rows, so that every test reads the same ones."""
    assert lender.rows(5) == lender.rows(5)
