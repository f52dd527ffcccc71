"""The months of a portfolio's life: which there are, which can be empty, which can train."""

from __future__ import annotations

from datetime import date

from solvencia.portfolio import Portfolio, Table


def after_start(portfolio: Portfolio, months_after_start: int) -> str:
    """Return the period that lies this many months after the portfolio's first."""
    start = portfolio.schedule.start
    total = start.year * 12 + start.month - 1 + months_after_start
    return f"{total // 12:04d}-{total % 12 + 1:02d}"


def list_until(portfolio: Portfolio, last: str) -> list[str]:
    """Return the periods from the portfolio's first to `last`, which it includes."""
    found: list[str] = []
    while not found or found[-1] < last:
        found.append(after_start(portfolio, len(found)))
    return found


def may_be_empty(portfolio: Portfolio, table: Table, period: str) -> bool:
    """Whether no row is expected yet: no label is known before its first window closes."""
    is_label_table = portfolio.label.field in table.columns
    return is_label_table and period < after_start(portfolio, portfolio.label.window_months)


def first_trainable(portfolio: Portfolio) -> str:
    """Return the first period in which matured applications are left beside the test's."""
    return after_start(portfolio, portfolio.label.window_months + portfolio.split.test_months)


def is_trainable(portfolio: Portfolio, period: str) -> bool:
    """Whether a model can be built of a period."""
    return period >= first_trainable(portfolio)


def in_schedule(portfolio: Portfolio, day: date) -> bool:
    """Whether a day lies within the portfolio's life."""
    end = portfolio.schedule.end
    return portfolio.schedule.start <= day and (end is None or day <= end)
