"""The portfolios that ship, on a few literal rows in their form."""

import numpy as np
import pytest

from solvencia import features, portfolio
from solvencia.clean import clean
from solvencia.request import InvalidRequest, parse

LOAN = {
    "application_id": [1, 2, 3],
    "checking_account": ["none", "from_200_dm_or_salary", "overdrawn"],
    "duration_months": [6, 48, 12],
    "credit_history": ["all_here_repaid", "existing_paid_duly", "delayed_in_the_past"],
    "purpose": ["furniture_or_equipment", "new_car", "yacht"],
    "amount_dm": [1169, 5951, 2096],
    "savings": ["from_1000_dm", "below_100_dm", "from_500_dm"],
    "employment": ["from_7_years", "from_1_year", "unemployed"],
    "instalment_rate": ["below_20_percent", "from_25_percent", "from_25_percent"],
    "other_parties": ["none", "none", "guarantor"],
    "residence": ["from_7_years", "from_1_year", None],
    "property": ["none_or_unknown", "real_estate", "car_or_other"],
    "other_plans": ["none", "bank", "none"],
    "housing": ["rented", "owned", "free"],
    "credits_here": ["two_or_three", "one", "one"],
    "job": ["skilled", "skilled", "unskilled_resident"],
    "telephone": ["yes", "no", "no"],
    "foreign_worker": ["no", "yes", "no"],
}
# As prepare.sql leaves them: no income could be read out of the shifted form, and the income of
# the fourth is a telephone number.
CARD = {
    "application_id": [1, 2, 3, 4],
    "age_years": [44, 56, 15, 30],
    "sex": ["female", None, "male", "male"],
    "net_income_brl": [300.0, None, 0.0, 25802236.0],
    "job_months": [48, 360, 12, 24],
    "profession_code": [731, 165, 13, 999],
    "residence_type": ["owned", "owned", "parents", "rented"],
    "residence_months": [12, 84, 216, 0],
    "home_phone": ["no", "yes", "yes", "no"],
    "works_in_home_town": ["no", "no", "yes", "yes"],
    "works_in_home_state": ["yes", "yes", "yes", "yes"],
    "post_goes_home": ["yes", "yes", "yes", "yes"],
    "payment_day": [12, 8, 20, 28],
    "additional_cards_count": [0, 0, 1, 0],
    "shop": ["22", "22", "96", "7"],
    "shop_rank": ["0", "0", "2", "3"],
}


def columns(rows):
    return {name: np.array(values, dtype=object) for name, values in rows.items()}


def test_german_texts_reach_the_model_as_their_place_among_the_categories():
    """Each code is the category's place, and a text that is none of them refuses the row."""
    product = portfolio.load("german_loans")

    cleaned = clean(product, columns(LOAN))

    assert cleaned.columns["housing"].tolist() == [1, 2, 0]
    assert cleaned.columns["foreign_worker"].tolist() == [0, 1, 0]
    assert cleaned.reasons == {2: ("purpose: unknown category", "residence: missing")}
    assert features.build(product, cleaned.columns).shape == (3, 16)


def test_shifted_cards_end_in_quarantine():
    """A form without a readable income is refused, as are a child and an impossible income."""
    cleaned = clean(portfolio.load("pakdd_cards"), columns(CARD))

    assert cleaned.reasons == {
        1: ("net_income_brl: missing",),
        2: ("age_years: below 16",),
        3: ("net_income_brl: above 100000",),
    }
    assert np.isnan(cleaned.columns["net_income_brl"][2])  # 0 means that it was not stated


@pytest.mark.parametrize(
    ("name", "never"),
    [
        (
            "german_loans",
            {"personal_status_and_sex", "age_years", "foreign_worker", "dependents"},
        ),
        (
            "pakdd_cards",
            {
                "sex",
                "marital_status",
                "age_years",
                "mate_income_brl",
                "mothers_name_given",
                "fathers_name_given",
                "area_code",
            },
        ),
    ],
)
def test_what_protects_a_person_reaches_no_model_and_no_form(name, never):
    """Protected fields and their stand-ins are neither features nor asked for in a request."""
    product = portfolio.load(name)

    asked = {each.name for each in (*product.features, *product.request_fields)}

    assert never <= set(product.fields)
    assert not never & asked


def test_every_fault_of_a_loan_request_is_named_with_its_categories():
    """A person who sends a wrong text is told which texts there are."""
    with pytest.raises(InvalidRequest) as refused:
        parse(portfolio.load("german_loans"), {"other_plans": "shops", "duration_months": 0})

    assert refused.value.problems["other_plans"] == "must be one of bank, stores, none"
    assert refused.value.problems["duration_months"] == "must be at least 1"
    assert len(refused.value.problems) == 16
