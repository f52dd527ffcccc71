from __future__ import annotations

import pytest
from conftest import CARDS

from solvencia import portfolio


def load_text(tmp_path, text: str) -> portfolio.Portfolio:
    folder = tmp_path / "broken" / "cards"
    folder.mkdir(parents=True)
    (folder / "portfolio.toml").write_text(text)
    (folder / "prepare.sql").write_text("SELECT 1")
    return portfolio.load("cards", folder.parent)


def test_the_sample_portfolio_is_sound(consumer_credit):
    """Consumer credit asks nine fields, models thirteen and never the age."""
    names = [each.name for each in consumer_credit.features]

    assert len(consumer_credit.request_fields) == 9
    assert len(names) == 13
    assert "age_years" not in names
    assert consumer_credit.key.name == "application_id"
    assert "monthly_debt_usd" not in [each.name for each in consumer_credit.prepared_fields]


def test_every_fault_is_named_at_once(tmp_path):
    """A portfolio with several faults lists them all, each with its key."""
    text = (
        CARDS.replace('categories = ["rent", "own", "parents"]', "")
        .replace('role = "label"', 'role = "outcome"')
        .replace("minimum = 0\nreason", "minimum = 9\nmaximum = 3\nmonotone = 2\nreason")
        .replace('key = ["card_no"]', 'key = ["card"]')
        .replace("[gate]\nauc_min = 0.6", "[gate]")
    )

    with pytest.raises(portfolio.InvalidPortfolio) as raised:
        load_text(tmp_path, text)

    found = "\n".join(raised.value.problems)
    for part in (
        "tables.card: column 'card' is not in its columns",
        "fields.is_bad: role 'outcome'",
        "fields.housing: categories",
        "fields.years_at_address: minimum 9 is above maximum 3",
        "fields.years_at_address: monotone: use -1, 0 or 1",
        "gate: missing 1 required positional argument: 'auc_min'",
        "exactly one field has role 'label'; found []",
        "'is_bad' is not the field with role 'label'",
    ):
        assert part in found
    assert len(raised.value.problems) == 8


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('name = "cards"', 'name = "loans"', "must equal the folder's name, 'cards'"),
        ("[label]", "[tag]", "label: missing: add a [label] table"),
        ('is_bad = "integer"', 'is_bad = "int"', "tables.card.columns.is_bad: type 'int'"),
        ('code = "C2", en = "Time at address", ', 'code = "C2", ', "reason: give code, en and es"),
        ("[fields.years_at_address]", "[fields.years_at_address]\ncolour = 1", "colour"),
        (
            "nullable = true",
            'sentinels = { none = "not given" }',
            "fields.years_at_address.sentinels: 'none' is not a number",
        ),
        (
            "nullable = true",
            'amount_when_missing = { field = "income", amount = "housing" }',
            "field: no field 'income': declare it",
        ),
        (
            "nullable = true",
            'amount_when_missing = { field = "years_at_address", amount = "housing" }',
            "amount: 'housing' must be a number with role 'derived'",
        ),
        ('role = "feature"\ntype = "number"', 'role = "derived"\ntype = "number"', "makes it"),
        ('role = "feature"\ntype = "number"', 'role = "feature"\ntype = "date"', "type 'date'"),
        ("[schedule]", "[schedule", "line"),
        ("nullable = true", "bands = [1, 2]", "only a protected number is reported in bands"),
        (
            'role = "feature"\ntype = "number"',
            'role = "protected"\ntype = "number"\nbands = [5, 5]',
            "fields.years_at_address.bands: give numbers, each above the one before",
        ),
        ("[gate]", '[fairness]\napprove_points = "many"\n[gate]', "fairness.approve_points: not"),
        ("[gate]", "[fairness]\n[gate]", "fairness: missing 1 required positional argument"),
    ],
)
def test_a_fault_is_named(tmp_path, old, new, problem):
    """One broken line gives an error that names its key and what to write."""
    assert old in CARDS
    with pytest.raises(portfolio.InvalidPortfolio) as raised:
        load_text(tmp_path, CARDS.replace(old, new, 1))

    assert problem in "\n".join(raised.value.problems)


def test_an_unknown_portfolio_lists_the_known():
    """Asking for a portfolio that is not there names those that are."""
    with pytest.raises(portfolio.UnknownPortfolio, match=r"no portfolio 'loans'.*consumer_credit"):
        portfolio.load("loans")


def test_the_fingerprint_follows_the_rules(tmp_path, cards):
    """Changing a rule changes the fingerprint; the same text has the same one."""
    assert load_text(tmp_path, CARDS).fingerprint == cards.fingerprint
    changed = load_text(tmp_path / "again", CARDS.replace("pdo = 20", "pdo = 30"))
    assert changed.fingerprint != cards.fingerprint


def test_what_only_the_report_reads_is_no_rule(tmp_path):
    """Bands and the report's cut-off leave the fingerprint alone; without one the scale's holds."""
    text = CARDS.replace('role = "feature"\ntype = "number"', 'role = "protected"\ntype = "number"')
    plain = load_text(tmp_path, text)
    banded = load_text(
        tmp_path / "again",
        text.replace("[gate]", "[fairness]\napprove_points = 480\n[gate]").replace(
            "nullable = true", "nullable = true\nbands = [1, 5]"
        ),
    )

    assert (plain.fairness.approve_points, banded.fairness.approve_points) == (500, 480)
    assert banded.fields["years_at_address"].bands == (1, 5)
    assert banded.fingerprint == plain.fingerprint


DERIVED = """
[fields.balance]
role = "feature"
type = "number"
monotone = 1
sentinels = { 0 = "none", 7 = "unknown", 8 = "unknown" }
reason = { code = "C3", en = "Balance", es = "Saldo" }
[fields.overdraft]
role = "feature"
type = "number"
monotone = 1
reason = { code = "C4", en = "Overdraft", es = "Descubierto" }
[fields.owed]
role = "derived"
type = "number"
monotone = 1
sum_of = { balance = 1, overdraft = 0.5 }
reason = { code = "C5", en = "Owed", es = "Deuda" }
[fields.balance_state]
role = "derived"
type = "text"
sentinel_of = "balance"
reason = { code = "C6", en = "No balance", es = "Sin saldo" }
"""


def test_derived_fields_are_declared(tmp_path):
    """A sum has its weights, and a sentinel's categories are the meanings, each once."""
    fields = load_text(tmp_path, CARDS + DERIVED).fields

    assert fields["owed"].sum_of == {"balance": 1, "overdraft": 0.5}
    assert fields["balance_state"].categories == ("none", "unknown")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("overdraft = 0.5", "overdraft = -1", "owed.sum_of: overdraft: -1: give a weight above 0"),
        ("overdraft = 0.5", "debt = 1", "owed.sum_of: no field 'debt': declare it"),
        ("overdraft = 0.5", "housing = 1", "'housing' must be a number with role 'feature'"),
        ("monotone = 1\nsum_of", "sum_of", "'balance' has monotone 1 and the sum 0: give both"),
        ("sum_of = {", 'sentinel_of = "balance"\nsum_of = {', "fields.owed: made in several ways"),
        ('"derived"\ntype = "number"', '"feature"\ntype = "number"', "give it role 'derived'"),
        ('"derived"\ntype = "number"', '"derived"\ntype = "text"', "sum_of: a sum is a number"),
        ('sentinel_of = "balance"', 'sentinel_of = "saldo"', "no field 'saldo': declare it"),
        ('sentinel_of = "balance"', 'sentinel_of = "overdraft"', "'overdraft' must be a number"),
        ('type = "text"\nsentinel', 'type = "number"\nsentinel', "texts without an order"),
        ("sentinel_of", 'categories = ["none"]\nsentinel_of', "leave categories out"),
    ],
)
def test_a_fault_of_a_derived_field_is_named(tmp_path, old, new, problem):
    """What cannot be made is refused, above all a sum that runs against one of its parts."""
    assert old in DERIVED
    with pytest.raises(portfolio.InvalidPortfolio) as raised:
        load_text(tmp_path, CARDS + DERIVED.replace(old, new, 1))

    assert problem in "\n".join(raised.value.problems)
