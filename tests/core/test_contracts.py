from __future__ import annotations

import json
from pathlib import Path

import pytest

from solvencia import contracts, portfolio

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (contracts.EXPECTATIONS, contracts.CONTRACTS)


@pytest.mark.parametrize("name", portfolio.names())
def test_the_committed_contracts_are_the_portfolio_s(name):
    """Generating again changes no file; otherwise: run `make contracts` and commit."""
    for path, text in contracts.files(portfolio.load(name)).items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, f"{path}: run `make contracts`"


def test_no_contract_stands_without_its_portfolio():
    """Every generated file belongs to a portfolio that is there."""
    wanted = {each for name in portfolio.names() for each in contracts.files(portfolio.load(name))}
    found = {
        str(path.relative_to(ROOT))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }

    assert found == wanted


def test_the_form_asks_what_a_request_takes(cards):
    """A text becomes a choice of its categories, a number keeps its bounds and may stay empty."""
    form = json.loads(contracts.files(cards)["contracts/cards/form.json"])
    housing, years = form["fields"]

    assert form["action"] == "/v1/cards/score"
    assert housing["input"] == "choice"
    assert [each["value"] for each in housing["options"]] == ["rent", "own", "parents"]
    assert housing["label"] == {"en": "Housing", "es": "Housing"}
    assert (years["minimum"], years["maximum"], years["step"]) == (0, None, "any")
    assert years["hint"]["es"] == "0 o más. Déjelo vacío si no lo sabe"
    assert (housing["is_required"], years["is_required"]) == (True, False)


def test_glue_sees_the_tables_with_their_partition(cards):
    """Each column has Glue's name for its type, and the period parts the table."""
    glue = json.loads(contracts.files(cards)["contracts/cards/glue.json"])

    assert glue["tables"] == [
        {
            "Name": "card",
            "Columns": [
                {"Name": "card_no", "Type": "string"},
                {"Name": "asked_on", "Type": "date"},
                {"Name": "is_bad", "Type": "bigint"},
                {"Name": "housing", "Type": "string"},
            ],
            "PartitionKeys": [{"Name": "period", "Type": "string"}],
        }
    ]
