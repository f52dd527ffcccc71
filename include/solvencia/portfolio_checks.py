"""What a portfolio's fields must keep to, each fault with its key and its cure."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Mapping

from solvencia.portfolio import REJECT_INFERENCES, ROLES, TYPES, Field, Label, Modelling

type Faults = Iterator[tuple[str, str]]

_CODED = ("label", "protected", "feature", "derived")  # cleaned to a number


def find_faults(fields: Mapping[str, Field], label: Label | None) -> Faults:
    """Yield the key and the problem of every fault among the fields."""
    for each in fields.values():
        yield from _check_field(f"fields.{each.name}", each)
        yield from _check_origin(f"fields.{each.name}", each, fields)
    for role in ("id", "time", "label"):
        found = [each.name for each in fields.values() if each.role == role]
        if len(found) != 1:
            yield "fields", f"exactly one field has role {role!r}; found {found}"
    decisions = [each.name for each in fields.values() if each.role == "decision"]
    if len(decisions) > 1:
        yield "fields", f"at most one field has role 'decision'; found {decisions}: keep one"
    for name in decisions:
        yield from _check_decision(f"fields.{name}", fields[name])
    if label and (label.field not in fields or fields[label.field].role != "label"):
        yield "label.field", f"{label.field!r} is not the field with role 'label'"


def find_inference_faults(modelling: Modelling, fields: Mapping[str, Field]) -> Faults:
    """Yield every fault of the two keys of [model] that let declined applications train."""
    method, factor = modelling.reject_inference, modelling.declined_odds_factor
    if method not in REJECT_INFERENCES:
        yield "model.reject_inference", f"{method!r}: use one of {REJECT_INFERENCES}"
    if factor is not None and not (is_finite(factor) and factor > 0):
        yield "model.declined_odds_factor", f"{factor!r}: give a number above 0"
    if method == "none" and factor is not None:
        yield (
            "model.declined_odds_factor",
            'it changes nothing without reject_inference = "parcelling": add that, or drop it',
        )
    if method == "parcelling" and factor is None:
        yield (
            "model.declined_odds_factor",
            "missing: state how many times the odds of default of declined applicants are those "
            "that their values say (1: like the approved)",
        )
    if method == "parcelling" and all(each.role != "decision" for each in fields.values()):
        yield (
            "model.reject_inference",
            "no field has role 'decision' (1 approved, 0 declined): declare it, and have "
            "prepare.sql yield declined applications with an empty label",
        )


def is_finite(value: object) -> bool:
    """Tell whether a value of the file is a finite number."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(float(str(value)))


def _check_field(key: str, each: Field) -> Faults:
    if each.type not in TYPES:
        yield key, f"type {each.type!r}: use one of {TYPES}"
    if each.role not in ROLES:
        yield key, f"role {each.role!r}: use one of {ROLES}"
    if each.monotone not in (-1, 0, 1):
        yield key, "monotone: use -1, 0 or 1"
    if each.role in ("feature", "derived") and not {"code", "en", "es"} <= set(each.reason):
        yield key, "reason: give code, en and es, as every feature can be cited"
    if each.role in _CODED and each.type == "text" and not (each.categories or each.sentinel_of):
        yield key, "categories: list them, as a text is coded by its place there"
    if each.role in _CODED and each.type == "date":
        yield key, f"type 'date': a field with role {each.role!r} must be a number"
    for value in each.sentinels:
        if not _is_number(value):
            yield f"{key}.sentinels", f"{value!r} is not a number"
    if each.bands and not (each.role == "protected" and each.is_numeric):
        yield f"{key}.bands", "only a protected number is reported in bands"
    elif not _is_ascending(each.bands):
        yield f"{key}.bands", "give numbers, each above the one before"
    if _is_crossed(each.minimum, each.maximum):
        yield key, f"minimum {each.minimum} is above maximum {each.maximum}"


def _check_decision(key: str, each: Field) -> Faults:
    if (each.type, each.minimum, each.maximum) != ("integer", 0, 1):
        yield (
            key,
            "a decision is 1 (approved) or 0 (declined): type 'integer', minimum 0, maximum 1",
        )
    if each.nullable or each.sentinels:
        yield key, "every application was decided: leave nullable and sentinels out"


def _check_origin(key: str, each: Field, fields: Mapping[str, Field]) -> Faults:
    """Check how a derived field is made: in exactly one way, of features that are numbers."""
    amounts = [other.amount_when_missing.get("amount") for other in fields.values()]
    origins = amounts.count(each.name) + bool(each.sum_of) + bool(each.sentinel_of)
    if each.role == "derived" and not origins:
        yield key, "no field's amount_when_missing makes it: drop it, name it or give sum_of"
    if each.role == "derived" and origins > 1:
        yield key, "made in several ways: keep one of amount_when_missing, sum_of, sentinel_of"
    if each.role != "derived" and (each.sum_of or each.sentinel_of):
        yield key, "sum_of and sentinel_of make derived fields: give it role 'derived'"
    if each.amount_when_missing:
        yield from _check_amount(f"{key}.amount_when_missing", each, fields)
    if each.sum_of:
        yield from _check_sum(f"{key}.sum_of", each, fields)
    if each.sentinel_of:
        yield from _check_sentinel(f"{key}.sentinel_of", each, fields)


def _check_amount(key: str, ratio: Field, fields: Mapping[str, Field]) -> Faults:
    for part, role in (("field", "feature"), ("amount", "derived")):
        other = ratio.amount_when_missing.get(part, "")
        found = fields.get(other)
        if found is None:
            yield key, f"{part}: no field {other!r}: declare it"
        elif found.role != role or not (found.is_numeric and ratio.is_numeric):
            yield key, f"{part}: {other!r} must be a number with role {role!r}"


def _check_sum(key: str, total: Field, fields: Mapping[str, Field]) -> Faults:
    if not total.is_numeric:
        yield key, "a sum is a number: give it type 'integer' or 'number'"
    for name, weight in total.sum_of.items():
        part = fields.get(name)
        if not (is_finite(weight) and weight > 0):
            yield key, f"{name}: {weight!r}: give a weight above 0"
        if part is None:
            yield key, f"no field {name!r}: declare it"
        elif part.role != "feature" or not part.is_numeric:
            yield key, f"{name!r} must be a number with role 'feature'"
        elif part.monotone != total.monotone:
            yield (
                key,
                f"{name!r} has monotone {part.monotone} and the sum {total.monotone}: give both "
                "the same, as a part moves its sum",
            )


def _check_sentinel(key: str, state: Field, fields: Mapping[str, Field]) -> Faults:
    source = fields.get(state.sentinel_of)
    if source is None:
        yield key, f"no field {state.sentinel_of!r}: declare it"
        return
    if source.role != "feature" or not source.is_numeric or not source.sentinels:
        yield key, f"{source.name!r} must be a number with role 'feature' and with sentinels"
    if state.type != "text" or state.monotone:
        yield key, "meanings are texts without an order: give it type 'text' and no monotone"
    if state.categories != tuple(dict.fromkeys(source.sentinels.values())):
        yield key, "its categories are the sentinels' meanings: leave categories out"


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _is_ascending(values: object) -> bool:
    if not isinstance(values, tuple):
        return False
    return all(map(is_finite, values)) and all(map(operator.lt, values, values[1:]))


def _is_crossed(minimum: float | None, maximum: float | None) -> bool:
    return minimum is not None and maximum is not None and minimum > maximum
