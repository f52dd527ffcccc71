"""The role `decision` and the two keys of [model] that let declined applications train."""

from __future__ import annotations

import pytest
from conftest import CARDS

from solvencia import expectations, portfolio
from solvencia.split import list_splits

DECISION = """
[fields.is_approved]
role = "decision"
type = "integer"
minimum = 0
maximum = 1
"""
PARCELLING = '[model]\nreject_inference = "parcelling"\ndeclined_odds_factor = 1.5\n'


@pytest.fixture
def read(tmp_path):
    """Read the text of a portfolio file."""

    def read(text: str) -> portfolio.Portfolio:
        folder = tmp_path / "cards"
        folder.mkdir()
        (folder / "portfolio.toml").write_text(text)
        (folder / "prepare.sql").write_text("SELECT 1")
        return portfolio.load("cards", tmp_path)

    return read


def inferring(fields: str = DECISION, model: str = PARCELLING) -> str:
    return CARDS.replace("[gate]", model + "[gate]") + fields


def test_a_decision_is_prepared_and_never_modelled(read):
    """It is a column of the prepared data, no feature and nothing that an applicant is asked."""
    cards = read(inferring())

    assert cards.decision_field is not None
    assert cards.decision_field in cards.prepared_fields
    assert cards.decision_field not in (*cards.features, *cards.request_fields)
    assert list_splits(cards) == ("train", "validation", "test", "declined")
    assert cards.modelling.declined_odds_factor == 1.5


@pytest.mark.parametrize(
    ("fields", "model", "problem"),
    [
        ("", PARCELLING, "model.reject_inference: no field has role 'decision' (1 approved, 0"),
        (
            DECISION + DECISION.replace("is_approved", "is_granted"),
            PARCELLING,
            "fields: at most one field has role 'decision'; found ['is_approved', 'is_granted']",
        ),
        (
            DECISION.replace('"integer"', '"number"'),
            PARCELLING,
            "fields.is_approved: a decision is 1 (approved) or 0 (declined): type 'integer'",
        ),
        (DECISION.replace("maximum = 1", ""), PARCELLING, "minimum 0, maximum 1"),
        (
            DECISION + "nullable = true\n",
            PARCELLING,
            "fields.is_approved: every application was decided: leave nullable and sentinels out",
        ),
        (
            DECISION,
            PARCELLING.replace('"parcelling"', '"fuzzy"'),
            "model.reject_inference: 'fuzzy': use one of ('none', 'parcelling')",
        ),
        (
            DECISION,
            '[model]\nreject_inference = "parcelling"\n',
            "model.declined_odds_factor: missing: state how many times the odds of default",
        ),
        (
            DECISION,
            PARCELLING.replace("1.5", "0"),
            "model.declined_odds_factor: 0: give a number above 0",
        ),
        (
            DECISION,
            PARCELLING.replace("1.5", '"two"'),
            "model.declined_odds_factor: 'two': give a number above 0",
        ),
        (
            DECISION,
            "[model]\ndeclined_odds_factor = 1.5\n",
            'it changes nothing without reject_inference = "parcelling": add that, or drop it',
        ),
    ],
)
def test_faults_are_named_with_key_and_cure(read, fields, model, problem):
    """What cannot be meant is refused by the file's own key."""
    with pytest.raises(portfolio.InvalidPortfolio) as raised:
        read(inferring(fields, model))

    assert len(raised.value.problems) == 1
    assert raised.value.problems[0].startswith("portfolio.toml: ")
    assert problem in raised.value.problems[0]


def test_the_label_is_asked_of_the_approved_only(read):
    """The suite wants an outcome of the approved and none of the declined; else of everybody."""

    def label_rules(text):
        return {
            (rule["type"], rule["kwargs"].get("row_condition", {}).get("parameter"))
            for rule in expectations.suite(read(text))["expectations"]
            if rule["kwargs"].get("column") == "is_bad" and "null" in rule["type"]
        }

    assert label_rules(inferring()) == {
        ("expect_column_values_to_not_be_null", 1),
        ("expect_column_values_to_be_null", 0),
    }


def test_without_a_decision_every_label_is_asked(cards):
    """A portfolio that keeps no declined applications has the rule that it always had."""
    rules = [
        rule
        for rule in expectations.suite(cards)["expectations"]
        if rule["kwargs"].get("column") == "is_bad" and "null" in rule["type"]
    ]

    assert [rule["type"] for rule in rules] == ["expect_column_values_to_not_be_null"]
    assert "row_condition" not in rules[0]["kwargs"]
    assert list_splits(cards) == ("train", "validation", "test")
