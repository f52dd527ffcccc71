"""A score request, checked against the portfolio: every fault at once, standard library only."""

from __future__ import annotations

import math
from collections.abc import Mapping

from solvencia.portfolio import Field, Portfolio

STRANGERS_MAX, NAME_MAX = 20, 64  # what an answer repeats of unknown fields

type Value = int | float | str | None


class InvalidRequest(ValueError):
    """The request breaks the portfolio's rules; `problems` maps field to reason.

    The reasons name bounds and never repeat a value. The key "body" stands for the whole.
    """

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(f"{len(problems)} invalid field(s): {', '.join(sorted(problems))}")
        self.problems = problems


def parse(portfolio: Portfolio, body: object) -> dict[str, Value]:
    """Return the request's fields in the portfolio's order, None for missing.

    Takes exactly `portfolio.request_fields`, as JSON values: whole numbers become int, other
    numbers float, texts one of their categories. Raises InvalidRequest naming every fault.
    """
    if not isinstance(body, Mapping):
        raise InvalidRequest({"body": "must be a JSON object of fields"})
    names = [each.name for each in portfolio.request_fields]
    strangers = [str(name) for name in body if name not in names]
    problems = {name[:NAME_MAX]: "unknown field" for name in strangers[:STRANGERS_MAX]}
    if len(strangers) > STRANGERS_MAX:
        problems["body"] = f"{len(strangers)} unknown fields"
    values: dict[str, Value] = {}
    for each in portfolio.request_fields:
        try:
            values[each.name] = _read(each, body.get(each.name))
        except ValueError as error:
            problems[each.name] = str(error)
    if problems:
        raise InvalidRequest(problems)
    return values


def _read(field: Field, value: object) -> Value:
    if value is None:
        if field.nullable:
            return None
        raise ValueError("missing")
    if field.type == "text":
        if value not in field.categories:
            raise ValueError(f"must be one of {', '.join(field.categories)}")
        return str(value)
    return _read_number(field, value)


def _read_number(field: Field, value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be a finite number")
    if field.type == "integer" and value != math.floor(value):
        raise ValueError("must be a whole number")
    is_sentinel = value in [float(each) for each in field.sentinels]
    if field.minimum is not None and value < field.minimum and not is_sentinel:
        raise ValueError(f"must be at least {field.minimum:.15g}")
    if field.maximum is not None and value > field.maximum and not is_sentinel:
        raise ValueError(f"must be at most {field.maximum:.15g}")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError("must be a finite number") from None
    return int(number) if field.type == "integer" else number
