"""Cleaning of one ordinary application without arrays: the bits of `clean`, many times as quick.

Only what is plain is read here: numbers and None within their bounds, texts as the portfolio
spells them. For anything else the caller asks `clean`, which also gives the reasons.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from solvencia.portfolio import Field, Portfolio

type Reader = Callable[[object], float]
type Step = Callable[[dict[str, float]], None]

_NAN = math.nan


class Unusual(Exception):
    """The value needs `clean` itself: it is refused there, or read from another type."""


def compile(
    portfolio: Portfolio, names: Sequence[str]
) -> Callable[[Sequence[object]], list[float]]:
    """Return a function from the request fields' values, in order, to the features of `names`.

    The function raises Unusual. NaN is missing.
    """
    fields = portfolio.request_fields
    readers = [(each.name, _reader(each)) for each in fields]
    places = {each.name: place for place, each in enumerate(fields)}
    steps = [_moved(each) for each in fields if each.amount_when_missing]
    for each in portfolio.with_role("derived"):
        if each.sum_of:
            steps.append(_summed(each))
    states = [
        (each.name, places[each.sentinel_of], _states(each, portfolio.fields[each.sentinel_of]))
        for each in portfolio.with_role("derived")
        if each.sentinel_of
    ]

    def clean_row(values: Sequence[object]) -> list[float]:
        cleaned = {name: read(value) for (name, read), value in zip(readers, values, strict=True)}
        for step in steps:
            step(cleaned)
        for name, place, meanings in states:
            value = values[place]
            cleaned[name] = _NAN if value is None else meanings.get(value, _NAN)  # type: ignore[call-overload]
        return [cleaned[name] for name in names]

    return clean_row


def _reader(field: Field) -> Reader:
    return _text_reader(field) if field.type == "text" else _number_reader(field)


def _text_reader(field: Field) -> Reader:
    codes = {name: float(place) for place, name in enumerate(field.categories)}
    nullable = field.nullable

    def read(value: object) -> float:
        if value is None and nullable:
            return _NAN
        if type(value) is not str or value not in codes:
            raise Unusual
        return codes[value]

    return read


def _number_reader(field: Field) -> Reader:
    sentinels = frozenset(float(each) for each in field.sentinels)
    low = -math.inf if field.minimum is None else float(field.minimum)
    high = math.inf if field.maximum is None else float(field.maximum)
    nullable, is_whole = field.nullable, field.type == "integer"

    def read(value: object) -> float:
        kind = type(value)
        if kind is float:
            number: float = value  # type: ignore[assignment]
        elif value is None:
            if nullable:
                return _NAN
            raise Unusual
        elif kind is int and -_EXACT < value < _EXACT:  # type: ignore[operator]
            number = float(value)  # type: ignore[arg-type]
        else:
            raise Unusual
        if number in sentinels:
            return _NAN
        if not low <= number <= high or number - number != 0:
            raise Unusual
        if is_whole and number != math.floor(number):
            raise Unusual
        return number

    return read


_EXACT = 2**53


def _moved(field: Field) -> Step:
    name, base = field.name, field.amount_when_missing["field"]
    amount = field.amount_when_missing["amount"]

    def move(cleaned: dict[str, float]) -> None:
        given, known = cleaned[name], cleaned[base]
        if known != known:
            cleaned[amount], cleaned[name] = given, _NAN
        else:
            cleaned[amount] = given * known

    return move


def _summed(field: Field) -> Step:
    parts = tuple((name, weight) for name, weight in field.sum_of.items())

    def add_up(cleaned: dict[str, float]) -> None:
        found = [weight * cleaned[name] for name, weight in parts]
        total = found[0]
        for each in found[1:]:
            total += each
        cleaned[field.name] = total

    return add_up


def _states(state: Field, source: Field) -> dict[float, float]:
    return {
        float(value): float(state.categories.index(meaning))
        for value, meaning in source.sentinels.items()
    }
