"""The lender's export, drafted whole: what is detected, and what lies there afterwards."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace

import lender
import numpy as np
import pytest
from lender import ROWS

from drafting import draft
from drafting.plan import Wishes
from drafting.source import DraftFault
from solvencia import contracts, expectations, portfolio, request
from solvencia.clean import clean


@pytest.fixture
def product(drafted):
    _, where, _ = drafted
    return portfolio.load("prestamos", where.portfolios)


def notes(made, name: str) -> str:
    return "; ".join(next(each.notes for each in made.plan.columns if each.name == name))


def test_every_column_gets_its_role(drafted, product):
    """Key, date, label, protected fields and features are told apart, whatever the language."""
    roles = {each.name: each.role for each in product.fields.values()}

    assert roles == {
        "no_solicitud": "id",
        "fecha_de_solicitud": "time",
        "estado": "label",
        "genero": "protected",
        "edad_anos": "protected",
        "ingreso_mensual": "feature",
        "gasto_mensual": "feature",
        "uso_de_la_tarjeta": "feature",
        "atrasos": "feature",
        "antiguedad_empleo_meses": "feature",
        "vivienda": "feature",
        "monto_recuperado": "ignored",
        "saldo_final": "ignored",
    }


def test_the_bad_value_is_told(drafted):
    """`moroso` is bad and `al día` is good, and the file's head says so."""
    made, _, _ = drafted
    text = (made.folder / "portfolio.toml").read_text(encoding="utf-8")

    assert (made.plan.target.bad, made.plan.target.good) == ("moroso", "al día")
    assert 'bad is "moroso"' in " ".join(text.split("\n")[:6])


def test_planted_leaks_are_ignored_with_their_reason(drafted):
    """A field filled only for the bad, and one that ranks too well, reach no model."""
    made, _, _ = drafted
    text = (made.folder / "portfolio.toml").read_text(encoding="utf-8")

    assert "filled for 100.0% of the bad and 0.0% of the good" in notes(made, "monto_recuperado")
    assert "by itself with AUC" in notes(made, "saldo_final")
    assert text.count("# LIKELY LEAK") == 2


def test_codes_become_sentinels(product):
    """777 and -7 count as missing; no other number does."""
    found = {each.name: set(each.sentinels) for each in product.fields.values() if each.sentinels}

    assert found == {"atrasos": {"777"}, "antiguedad_empleo_meses": {"-7"}}
    assert product.fields["atrasos"].maximum < 777
    assert product.fields["antiguedad_empleo_meses"].minimum == 0


def test_types_and_bounds_leave_room(product):
    """Numbers keep their type; bounds are round and lie beyond what was observed."""
    income, use = product.fields["ingreso_mensual"], product.fields["uso_de_la_tarjeta"]

    assert (income.type, income.nullable, income.minimum) == ("number", True, 0)
    assert income.maximum in (10_000, 20_000, 50_000)
    assert (use.type, use.nullable, use.maximum) == ("number", False, 2)
    assert product.fields["vivienda"].categories == ("propia", "alquiler", "familiar")
    assert product.fields["edad_anos"].bands == (25, 35, 45, 60)


def test_a_direction_is_suggested_only_where_it_is_clear(product):
    """More use and more arrears mean more risk; the rest of the draft stays without a sign."""
    signs = {each.name: each.monotone for each in product.features}

    assert signs["uso_de_la_tarjeta"] == signs["atrasos"] == 1
    assert signs["vivienda"] == signs["antiguedad_empleo_meses"] == 0


def test_a_name_is_not_copied(drafted):
    """Free text is neither in the tables nor in any file of the draft."""
    made, where, report = drafted
    with sqlite3.connect(where.warehouse("prestamos")) as connection:
        columns = [each[1] for each in connection.execute("PRAGMA table_info(application)")]

    assert "nombre" not in columns
    assert "Persona 17" not in report.read_text(encoding="utf-8")
    assert "Nombre: text of" in (made.folder / "portfolio.toml").read_text(encoding="utf-8")


def test_the_warehouse_holds_every_application(drafted, product, table):
    """Two tables as the portfolio declares them; the newest month has no outcome yet."""
    _, where, _ = drafted
    with sqlite3.connect(where.warehouse("prestamos")) as connection:
        for name, each in product.tables.items():
            found = [row[1] for row in connection.execute(f"PRAGMA table_info({name})")]
            assert found == list(each.columns)
        (count,) = connection.execute("SELECT count(*) FROM application").fetchone()
        row = connection.execute(
            "SELECT fecha_de_solicitud, ingreso_mensual, atrasos FROM application "
            "WHERE no_solicitud = 'S-100000'"
        ).fetchone()
        late = connection.execute(
            "SELECT count(*) FROM outcome JOIN application USING (no_solicitud) WHERE closed_on "
            "< date(fecha_de_solicitud, '+1 month', '-3 days') OR closed_on > '2024-12-31'"
        ).fetchone()
    first = table[0]
    income = first["Ingreso Mensual"]

    assert count == ROWS
    assert late == (0,)
    day, month, year = first["Fecha de Solicitud"].split("/")
    wanted = (f"{year}-{month}-{day}", float(income) if income else None, int(first["Atrasos"]))
    assert row == wanted


def test_every_row_that_was_drafted_from_is_clean(drafted, product):
    """The drafted rules quarantine none of the rows that they were drafted from."""
    made, _, _ = drafted
    columns = {
        each.name: each.column.values
        for each in made.plan.with_role("id", "time", "protected", "feature")
    }

    cleaned = clean(product, columns)

    assert cleaned.reasons == {}
    assert np.isnan(cleaned.columns["atrasos"]).sum() == (columns["atrasos"] == 777).sum() > 0


def test_a_new_applicant_may_exceed_what_was_observed(product):
    """A request with twice the largest income of the file is accepted."""
    body = {
        "ingreso_mensual": 9000.5,
        "gasto_mensual": None,
        "uso_de_la_tarjeta": 1.1,
        "atrasos": 9,
        "antiguedad_empleo_meses": -7,
        "vivienda": "propia",
    }

    assert request.parse(product, body)["atrasos"] == 9


def test_contracts_and_expectations_are_written(drafted, product):
    """What `make contracts` would write lies there already."""
    _, where, _ = drafted
    for path, text in contracts.files(product).items():
        assert (where.root / path).read_text(encoding="utf-8") == text
    suite = json.loads((where.root / "expectations/prestamos/prepared.json").read_text())
    assert suite == expectations.suite(product)


def test_months_are_left_to_train_and_to_test(drafted, product):
    """Two years of dates: the window keeps all but the newest month, a quarter tests."""
    made, _, _ = drafted
    months = made.plan.calendar

    assert str(product.schedule.start)[:7] == "2023-01"
    assert str(product.schedule.end) == "2024-12-31"
    assert (product.label.window_months, product.split.test_months) == (1, 6)
    assert months.is_test.sum() > 0 < (months.matured & ~months.is_test).sum()


def test_the_gate_follows_the_quick_model(drafted, product):
    """The bound lies below what was measured, by the margin, and the file says how."""
    made, _, _ = drafted
    measured = made.baseline

    assert measured.auc > 0.65
    assert measured.auc - measured.margin - 0.01 <= product.gate.auc_min < measured.auc
    assert product.gate.rows_min <= measured.test_rows
    assert product.scaling.odds == 2  # a third is bad


def test_drafting_again_gives_the_same_bytes(drafted, table, place, tmp_path):
    """The same file gives the same portfolio, SQL and contracts."""
    made, _, _ = drafted
    path = tmp_path / "prestamos.csv"
    path.write_text(lender.text(table), encoding="cp1252")
    again = draft.make(draft.Options("prestamos", str(path), "Estado"), place)

    for name in ("portfolio.toml", "prepare.sql", "reconcile.sql"):
        assert (again.folder / name).read_bytes() == (made.folder / name).read_bytes()


def test_point_and_comma_give_the_same_draft(drafted, table, place, write):
    """A file with decimal points, commas between and another encoding says the same."""
    made, _, _ = drafted
    options = write(table, text=lender.text(table, ",", "."), encoding="utf-16")
    again = draft.make(options, place)

    ours, theirs = (
        (each.folder / "portfolio.toml").read_text(encoding="utf-8") for each in (made, again)
    )
    assert ours == theirs


def test_without_dates_they_are_made_and_it_is_said(table, place, write):
    """The dates are spread by the key's hash; file and terminal say so in capitals."""
    rows = [{k: v for k, v in row.items() if k != "Fecha de Solicitud"} for row in table]
    made = draft.make(write(rows), place)
    text = (made.folder / "portfolio.toml").read_text(encoding="utf-8")
    product = portfolio.load("prestamos", place.portfolios)

    assert made.plan.calendar.is_made
    assert "THE DATES ARE MADE" in " ".join(text.split("\n")[:9])
    assert product.time.name == "applied_on"
    assert len(np.unique(made.plan.calendar.days.astype("datetime64[M]"))) == 13


def test_without_a_key_the_rows_are_numbered(table, place, write):
    """A made key is a whole number from 1, and the file says what follows from that."""
    made = draft.make(write(table, wishes=Wishes(key="none")), place)

    assert made.plan.is_key_made
    assert made.plan.key.name == "application_id"
    assert any("the row's number was made its key" in each for each in made.plan.notes)
    assert "Nº Solicitud" in [each.column.source for each in made.plan.with_role("")]


def test_unknown_outcomes_give_the_window(table, place, write):
    """Where the newest three months have no outcome yet, the window is three months."""
    rows = [
        {
            **row,
            "Estado": ""
            if row["Fecha de Solicitud"][3:] > "09/2024"
            and row["Fecha de Solicitud"].endswith("2024")
            else row["Estado"],
        }
        for row in table
    ]
    made = draft.make(write(rows), place)

    assert made.plan.calendar.window_months == 3


def test_an_existing_folder_is_never_touched(table, place, write):
    """Only FORCE drafts anew, and only what still says that it is a draft."""
    options = write(table)
    made = draft.make(options, place)
    path = made.folder / "portfolio.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("pdo = 40", "pdo = 20"), "utf-8")
    with pytest.raises(DraftFault, match=r"is there already and is not touched.*FORCE=1"):
        draft.make(options, place)
    assert "pdo = 20" in path.read_text(encoding="utf-8")

    draft.make(replace(options, force=True), place)
    mine = path.read_text(encoding="utf-8").partition("\n")[2]
    assert "pdo = 40" in mine
    path.write_text(mine, encoding="utf-8")

    with pytest.raises(DraftFault, match="is no draft any more"):
        draft.make(replace(options, force=True), place)
    assert path.read_text(encoding="utf-8") == mine


def test_the_report_shows_what_to_review(drafted):
    """Every likely leak, protected field and code stands in it, with a plot of each field."""
    _, where, report = drafted
    text = report.read_text(encoding="utf-8")

    for part in (
        "Likely leaks: ignored",
        "looks like sex or gender",
        "777 stands far off the rest",
        "Missing together: ingreso_mensual, gasto_mensual",
        'id="uso_de_la_tarjeta"',
        "a window of 1 month",
    ):
        assert part in text
    assert len(list((where.report("prestamos") / "plots").glob("*.png"))) == 10


def test_equal_headers_are_told(place, write, table):
    """The later of two columns of one name gets a number, and the draft says so."""
    text = lender.text(table).replace("Vivienda", "Atrasos", 1)

    made = draft.make(write(None, text=text), place)

    assert "two columns are called 'Atrasos': the later one is taken as 'Atrasos 2'" in (
        made.plan.notes
    )


def test_a_remark_is_left_out(place, write, table):
    """What somebody wrote may name a person, however few the texts are."""
    rows = [dict(row, Observaciones="ok" if n % 2 else "llamar") for n, row in enumerate(table)]

    made = draft.make(write(rows), place)

    (found,) = [each for each in made.plan.columns if each.name == "observaciones"]
    assert found.role == ""
    assert "somebody's remark" in found.notes[0]


def test_the_window_says_how_to_change_it(drafted):
    """The dates of the laid out outcomes follow the window: a number changed alone finds no row."""
    made, _, _ = drafted
    text = (made.folder / "portfolio.toml").read_text(encoding="utf-8")

    assert "draft again with WINDOW=" in text
