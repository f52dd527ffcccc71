"""What a score leads to, and what may not stand in a portfolio's bands."""

from __future__ import annotations

import pytest
from conftest import CARDS
from test_portfolio import load_text

from solvencia import policy, portfolio

BANDS = """
[[bands]]
name = "A"
points_min = 560
decision = "approve"
[[bands]]
name = "B"
points_min = 520
decision = "refer"
[[bands]]
name = "C"
decision = "decline"
[decisions]
keep_months = 25
"""


@pytest.mark.parametrize(
    ("points", "name", "decision"),
    [(900, "A", "approve"), (560, "A", "approve"), (559, "B", "refer"), (-9, "C", "decline")],
)
def test_a_score_falls_into_the_best_band_that_it_reaches(tmp_path, points, name, decision):
    """A cut-off is inclusive, and the last band takes whoever is left."""
    found = policy.find_band(load_text(tmp_path, CARDS + BANDS).bands, points)

    assert (found.name, found.decision) == (name, decision)


def test_without_bands_a_person_decides(cards):
    """No cut-off of ours stands in for the lender's."""
    assert policy.find_band(cards.bands, 900).decision == "refer"
    assert cards.decisions.keep_months == 60


def test_a_changed_cut_off_changes_the_policy_and_no_rule_of_the_model(tmp_path):
    """The model stays valid; what is decided by it carries another digest."""
    first = load_text(tmp_path, CARDS + BANDS)
    same = load_text(tmp_path / "same", CARDS + BANDS.replace("560", "560.0"))
    other = load_text(tmp_path / "other", CARDS + BANDS.replace("560", "570"))

    assert first.decisions.keep_months == 25
    assert first.fingerprint == other.fingerprint
    assert first.policy_digest == same.policy_digest != other.policy_digest


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('decision = "refer"', 'decision = "perhaps"', "bands[1].decision: 'perhaps': use one of"),
        ("points_min = 520", "points_min = 560", "bands[1].points_min: 560 is not below 560"),
        ("points_min = 520\n", "", "bands[1].points_min: None: give the points"),
        ("points_min = 560", 'points_min = "many"', "bands[0].points_min: 'many': give the points"),
        ('name = "C"', 'name = "C"\npoints_min = 1', "bands[2].points_min: the last band takes"),
        ('name = "B"', 'name = "A"', "bands[1].name: 'A': give each band a name of its own"),
        ('"decline"', '"approve"', "bands[2].decision: 'approve' below a band with 'refer'"),
        ('name = "B"', 'nom = "B"', "bands[1]: got an unexpected keyword argument 'nom'"),
        ("keep_months = 25", "keep_months = 0", "decisions.keep_months: 0: give whole months"),
        ("keep_months = 25", "keep_years = 2", "decisions: got an unexpected keyword argument"),
    ],
)
def test_a_fault_of_the_bands_is_named(tmp_path, old, new, problem):
    """A cut-off that means something else than it says is refused, with its key and cure."""
    assert old in BANDS
    with pytest.raises(portfolio.InvalidPortfolio) as raised:
        load_text(tmp_path, CARDS + BANDS.replace(old, new, 1))

    assert problem in "\n".join(raised.value.problems)


@pytest.mark.parametrize("name", portfolio.names())
def test_what_the_report_counts_as_approved_is_what_the_bands_approve(name):
    """A shipped portfolio's fairness is judged at the cut-off that its applicants meet."""
    product = portfolio.load(name)
    approved = [each.points_min for each in product.bands if each.decision == "approve"]

    assert product.fairness.approve_points == approved[-1]


def test_a_portfolio_cannot_take_the_name_of_a_route(tmp_path):
    """What /v1/decisions/… means must not hang on a folder."""
    folder = tmp_path / "decisions"
    folder.mkdir()
    text = CARDS.replace('name = "cards"', 'name = "decisions"')
    (folder / "portfolio.toml").write_text(text)
    (folder / "prepare.sql").write_text("SELECT 1")

    with pytest.raises(portfolio.InvalidPortfolio, match="is a route of the API"):
        portfolio.load("decisions", tmp_path)
