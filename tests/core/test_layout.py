from __future__ import annotations

from datetime import date

import pytest

from solvencia import layout


@pytest.mark.parametrize(
    ("period", "first", "after"),
    [
        ("2026-10", date(2026, 10, 1), date(2026, 11, 1)),
        ("2026-12", date(2026, 12, 1), date(2027, 1, 1)),
        ("2024-02", date(2024, 2, 1), date(2024, 3, 1)),
    ],
)
def test_a_period_is_a_calendar_month(period, first, after):
    """Bounds are the month's first day and the next month's."""
    assert layout.period_bounds(period) == (first, after)


@pytest.mark.parametrize("period", ["2026-13", "2026-00", "2026-1", "26-01", "2026-10-01", ""])
def test_a_malformed_period_is_refused(period):
    """Anything but YYYY-MM is refused with the form to write."""
    with pytest.raises(ValueError, match="write it as YYYY-MM"):
        layout.period_bounds(period)


def test_cleaned_objects_lie_by_split_and_part():
    """Keys of one part are those that training and the quarantine read."""
    key = layout.cleaned_part("consumer_credit", "2026-10", "train", 3)

    assert key == "cleaned/consumer_credit/period=2026-10/train/part-0003.parquet"
    assert layout.quarantine_part("cards", "2026-10", 12) == (
        "quarantine/cards/period=2026-10/part-0012.parquet"
    )


def test_a_version_name_gives_its_period_back():
    """A model's name is legal for SageMaker and carries its period."""
    name = layout.version_name("my-stack", "consumer_credit", "2026-10", "abcdef0123456789")

    assert name == "my-stack-consumer-credit-2026-10-abcdef012345"
    assert layout.version_period(name) == "2026-10"
