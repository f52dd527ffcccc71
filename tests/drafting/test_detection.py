"""What is read out of names, numbers and columns, one rule at a time."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from drafting import bounds, calendar, categories, names, numbers, relation, sentinels
from drafting.column import Column, Reading, read_all
from drafting.csv_file import read
from drafting.source import DraftFault, Source


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("Ingreso Mensual (€)", "ingreso_mensual"),
        ("MonthlyIncome", "monthly_income"),
        ("SeriousDlqin2yrs", "serious_dlqin2yrs"),
        ("Familienstand", "familienstand"),
        ("Straße", "strasse"),
        ("% de uso", "percent_de_uso"),
        ("30-59 days", "field_30_59_days"),
        ("Order", "order_field"),
        ("Alter", "alter_field"),
        ("period", "period_field"),
        ("收入", "column_4"),
    ],
)
def test_a_column_of_any_language_gets_a_field_s_name(name, field):
    """Lower case, ASCII, words joined by underscores, and no word that SQL keeps for itself."""
    assert names.snake_case(name, 3) == field


def test_equal_names_are_numbered():
    """Two columns never become one field."""
    assert names.fields(["Año", "ano", "ANO"]) == {"Año": "ano", "ano": "ano_2", "ANO": "ano_3"}


@pytest.mark.parametrize(
    ("field", "what"),
    [
        ("sexo", "sex or gender"),
        ("geschlecht", "sex or gender"),
        ("age", "age"),
        ("idade", "age"),
        ("alter_field", "age"),
        ("fecha_nacimiento", "date of birth"),
        ("estado_civil", "marital status"),
        ("familienstand", "marital status"),
        ("foreign_worker", "nationality"),
        ("nacionalidade", "nationality"),
        ("religiao", "religion"),
        ("race", "race or ethnicity"),
        ("embarazada", "pregnancy or family plans"),
        ("discapacidad", "disability or health"),
        ("account_age", ""),
        ("age_of_oldest_line", ""),
        ("ingreso_mensual", ""),
        ("situation_familiale", "marital status"),
        ("civilite", "sex or gender"),
        ("age_du_vehicule", ""),
        ("percentage", ""),
    ],
)
def test_protected_fields_are_known_by_name(field, what):
    """In English, Spanish, German, Portuguese and French; the age of a thing is nobody's."""
    assert names.protected(field) == what


@pytest.mark.parametrize(
    ("field", "is_count"),
    [
        ("number_of_dependents", True),
        ("number_of_times90_days_late", True),
        ("nb_de_credits", True),
        ("no_solicitud", False),
        ("number", False),
        ("loans_count", False),
    ],
)
def test_a_number_of_things_is_no_identifier(field, is_count):
    """`number_of_dependents` counts, `no_solicitud` identifies."""
    assert names.is_count(field) is is_count


@pytest.mark.parametrize(
    "field", ["recoveries", "monto_recuperado", "last_payment", "jours_en_recouvrement"]
)
def test_what_happens_after_the_loan_is_known_by_name(field):
    """Recoveries and last payments are known only when the outcome is."""
    assert names.is_afterwards(field)
    assert not names.is_afterwards("payments_last_year_count")


def test_a_reason_is_drafted_in_both_languages():
    """Known words are translated, the adjective on its side; others stay as they are."""
    assert names.reason("ingreso_mensual") == ("Monthly income", "Ingreso mensual")
    assert names.reason("monthly_income") == ("Monthly income", "Ingresos mensual")
    assert names.reason("puntaje_xy") == ("Puntaje xy", "Puntaje xy")


@pytest.mark.parametrize(
    ("text", "decimal", "number"),
    [
        ("1.234,56", ",", 1234.56),
        ("1,234.56", ".", 1234.56),
        ("1.234", ",", 1234),
        ("1.234", ".", 1.234),
        ("1 234,5 €", ",", 1234.5),
        ("R$ 10,00", ",", 10),
        ("12 %", ".", 12),
        ("1.2e3", ".", 1200),
        ("-7", ".", -7),
        ("1.2.3", ".", None),
        ("12,34.5", ".", None),
        ("abc", ".", None),
        ("", ".", None),
    ],
)
def test_numbers_as_people_write_them(text, decimal, number):
    """Thousands, currencies and either decimal mark; what is no number is None."""
    assert numbers.read_number(text, decimal) == number


@pytest.mark.parametrize(
    ("texts", "found", "order"),
    [
        (["2024-03-05", "2024-12-31 10:00"], date(2024, 3, 5), ""),
        (["05/03/2024", "31/12/2024"], date(2024, 3, 5), ""),
        (["03/05/2024", "12/31/2024"], date(2024, 3, 5), ""),
        (["05.03.24", "04.03.24"], date(2024, 3, 5), "dmy"),
        (["Mar-2024"], date(2024, 3, 1), ""),
        (["20240305"], date(2024, 3, 5), ""),
        (["31/02/2024"], None, ""),
    ],
)
def test_dates_as_people_write_them(texts, found, order):
    """Day or month first by what the column allows; an open question is told."""
    dates, ambiguous = numbers.read_dates(texts)

    assert dates[0] == found
    assert ambiguous == order


def spread(*codes: tuple[float, int], low: float = 0, high: float = 20, rows: int = 2000):
    values = np.random.default_rng(5).integers(low, high + 1, rows).astype(float)
    return np.concatenate([values, *(np.full(count, code) for code, count in codes)])


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        (spread((98, 5), (96, 4)), {96, 98}),
        (spread((999, 30)), {999}),
        (spread((-1, 12)), {-1}),
        (spread((-9, 5), (-7, 9)), {-9, -7}),
        (spread((777, 40)), {777}),
        (spread((0, 20), low=18, high=80), {0}),
        (spread((9999, 20), (-1, 20), low=100, high=3000), {-1, 9999}),
        (spread(), set()),
        (spread((25, 40)), set()),
        (spread((98, 2)), set()),
        (spread((40, 1)), set()),
        (spread(low=-20, high=20), set()),
        (np.array([1.0, 2, 3, 9] * 50), set()),
    ],
)
def test_codes_stand_far_off_and_repeat(values, codes):
    """98, 999, -1, 777, an age of 0: codes; a far value of once or twice, or a ninth class: not."""
    assert set(sentinels.find(values)) == codes


def test_a_code_amid_the_values_towers_over_them():
    """999 in a wide amount is a code where it occurs far more often than its neighbours."""
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.integers(0, 20_000, 5000).astype(float), np.full(300, 999.0)])

    assert set(sentinels.find(values)) == {999}
    assert sentinels.find(values[:5000]) == {}


@pytest.mark.parametrize(
    ("values", "codes", "wanted"),
    [
        ([0, 1, 1, 0], {}, (0, 1)),
        ([3, 17], {}, (0, 50)),
        ([0.2, 0.99], {}, (0, 2)),
        ([-4, 10], {}, (-10, 20)),
        ([1200, 26_000], {}, (0, 100_000)),
        ([0, 30, 98], {98: ""}, (0, 50)),
        ([0, 60, 98], {98: ""}, (0, 60)),
    ],
)
def test_bounds_are_round_and_wide(values, codes, wanted):
    """Twice the largest, rounded up, and not so far as a code."""
    plain = sentinels.without(np.array(values, dtype=float), codes)

    assert bounds.choose(plain, codes) == wanted


def column(values, kind="number") -> Column:
    return Column("x", "x", kind, np.array(values, dtype=float))


def test_a_direction_needs_every_step():
    """A steady rise earns 1, a fall -1, a valley and noise nothing."""
    rng = np.random.default_rng(3)
    x = rng.random(6000)

    def direction(risk):
        outcome = (rng.random(6000) < risk).astype(float)
        return relation.relate(column(x), {}, outcome).monotone

    assert direction(0.1 + 0.5 * x) == 1
    assert direction(0.6 - 0.5 * x) == -1
    assert direction(0.1 + 2 * (x - 0.5) ** 2) == 0
    assert direction(np.full(6000, 0.3)) == 0


def test_a_leak_is_seen_by_rank_by_filling_and_not_by_chance():
    """Values that give the outcome away, or are there only for the bad; a strong field is not."""
    rng = np.random.default_rng(4)
    outcome = (rng.random(4000) < 0.2).astype(float)
    leak = outcome * 10 + rng.random(4000)
    filled = np.where((outcome == 1) & (rng.random(4000) < 0.5), 3.0, np.nan)
    strong = outcome + rng.normal(0, 1, 4000)

    assert "by itself with AUC" in relation.relate(column(leak), {}, outcome).leak
    assert "of the good: known only" in relation.relate(column(filled), {}, outcome).leak
    assert relation.relate(column(strong), {}, outcome).leak == ""
    assert relation.relate(column(rng.random(4000)), {}, outcome).auc == pytest.approx(
        0.5, abs=0.03
    )


def test_a_rare_field_of_the_good_alone_is_no_leak():
    """Filled for one in thirty good rows and for none of twenty bad ones: that is chance."""
    outcome = np.array([1.0] * 20 + [0.0] * 600)
    rare = np.where((np.arange(620) % 30 == 0) & (outcome == 0), 1.0, np.nan)

    assert relation.relate(column(rare), {}, outcome).leak == ""


def zero_for_the_good(rows: int = 8000):
    """Return fees that only the bad have, seven of eight rows 0, and the outcome."""
    rng = np.random.default_rng(8)
    outcome = (rng.random(rows) < 0.11).astype(float)
    is_charged = (outcome == 1) & (rng.random(rows) < 0.75)
    return np.where(is_charged, rng.uniform(8, 150, rows), 0.0), outcome


def test_a_value_that_fills_a_bin_stands_alone():
    """Fees of 0 in nine of ten rows do not swallow the fees above it."""
    fees, outcome = zero_for_the_good()
    found = relation.relate(column(fees), {}, outcome)

    first, *others = found.bins
    assert first.label == "0"
    assert others
    assert all(each.rate == 1 for each in others)
    assert found.auc > 0.85


def test_a_zero_in_the_middle_stands_alone():
    """Every row falls in one bin, and the heavy value has a bin for itself."""
    rng = np.random.default_rng(9)
    values = np.where(rng.random(4000) < 0.4, 0.0, rng.normal(0, 5, 4000))
    found = relation.relate(column(values), {}, (rng.random(4000) < 0.3).astype(float))

    assert sum(each.rows for each in found.bins) == 4000
    assert (values == 0).sum() in [each.rows for each in found.bins if each.label == "0"]


def test_values_that_only_the_bad_have_are_a_leak():
    """Below AUC 0.9 and filled for everybody, yet all of 693 rows are bad; text or number."""
    fees, outcome = zero_for_the_good()
    states = np.where(fees > 0, "contentieux", "ok").astype(object)

    assert "rows with 8.0" in relation.relate(column(fees), {}, outcome).leak
    found = relation.relate(Column("x", "x", "text", states), {}, outcome).leak
    assert "rows with contentieux are bad: known only afterwards" in found


def test_spellings_and_marks_among_categories_are_told():
    """`own` and `Own ` are one category; `?` and `inconnu` may mean missing."""
    spelled, marks = categories.remarks(["own", "rent", "Own", "OWN", "?", "inconnu"])

    assert "'own', 'Own', 'OWN'" in spelled
    assert "MISSING='?,inconnu'" in marks
    assert categories.remarks(["own", "rent"]) == []


def test_missing_that_tells_is_told():
    """Where a missing value goes with risk, the note gives both rates."""
    rng = np.random.default_rng(6)
    is_empty = rng.random(3000) < 0.3
    outcome = (rng.random(3000) < np.where(is_empty, 0.4, 0.1)).astype(float)
    values = np.where(is_empty, np.nan, rng.random(3000))

    assert "where it is missing" in relation.relate(column(values), {}, outcome).missing_note


def test_months_end_as_sql_has_them():
    """31 January plus a month is the last of February."""
    days = np.array(["2024-01-31", "2023-01-31", "2024-03-15"], dtype="datetime64[D]")

    assert calendar.add_months(days, 1).astype(str).tolist() == [
        "2024-02-29",
        "2023-02-28",
        "2024-04-15",
    ]


def test_months_before_a_gap_are_left_out():
    """The newest run of months counts; too little after a gap is refused with the way out."""
    months = ["2023-01", *["2023-03", "2023-04", "2023-05", "2023-06"] * 10]
    days = np.array(months, dtype="datetime64[M]").astype("datetime64[D]")
    outcome = np.arange(len(days)) % 2.0

    plan = calendar.plan(days, outcome, is_made=False)

    assert (plan.start, plan.end) == (date(2023, 3, 1), date(2023, 6, 30))
    assert any("1 rows before 2023-03 are left out" in each for each in plan.notes)
    with pytest.raises(DraftFault, match=r"months before 2023-03 have a gap.*TIME=none"):
        calendar.plan(np.concatenate([np.repeat(days[:1], 99), days]), np.ones(140), is_made=False)


def source(**columns: list[str | None]) -> Source:
    rows = len(next(iter(columns.values())))
    return Source("x.csv", columns, range(2, rows + 2))


def test_a_column_s_kind_is_found():
    """Whole numbers, numbers, dates, codes with leading zeros, texts and empty columns."""
    found = read_all(
        source(
            count=["1", "2", "NA", "3.0"],
            ratio=["0,5", "1,25", None, None],
            opened=["2024-01-01", "2024-02-01", None, "2024-03-01"],
            zip=["00123", "10001", "00007", "99999"],
            home=["own", "rent", "none", "own"],
            bare=[None, "NULL", "n/a", None],
        ),
        Reading(),
    )

    kinds = {name: each.kind for name, each in found.items()}
    assert kinds == {
        "count": "integer",
        "ratio": "number",
        "opened": "date",
        "zip": "text",
        "home": "text",
        "bare": "empty",
    }
    assert found["home"].values.tolist() == ["own", "rent", "none", "own"]
    assert found["ratio"].values[:2].tolist() == [0.5, 1.25]


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ('a;b\n"x, y";2\n"z, z";3\n', ";"),
        ("a\tb c\n1\t2\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ("\ufeffa;b\n1,5;2\n2,5;3\n", ";"),
    ],
)
def test_the_delimiter_is_found(tmp_path, text, delimiter):
    """The one that cuts every line into as many fields; a quoted one counts for nothing."""
    path = tmp_path / "x.csv"
    path.write_text(text, encoding="utf-8")
    found = read(path)

    assert found.delimiter == delimiter
    assert next(iter(found.columns)) == "a"
