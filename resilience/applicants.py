"""Made-up applicants of any portfolio, drawn from what its fields allow; the same for a seed."""

from __future__ import annotations

import math
import random
from datetime import date, timedelta
from typing import Any

from solvencia.portfolio import Field, Portfolio

type Application = dict[str, Any]
type Columns = dict[str, list[Any]]

MISSING, CODED, AT_BOUND = 0.08, 0.03, 0.05  # shares of a field's values
REACH = 1e6  # how far a number goes that has no bound
SHARPNESS = 2.5  # how much the first numbers tell of the outcome
BAD_SHARE = 0.25


def draw(product: Portfolio, chance: random.Random) -> Application:
    """Return one application that the portfolio's rules accept, as JSON values."""
    return {each.name: _draw_field(each, chance) for each in product.request_fields}


def prepared(product: Portfolio, rows: int, newest: date, months: int, seed: int) -> Columns:
    """Return prepared rows: whole applications of the `months` before and with `newest`.

    Key, date, label and protected fields are drawn too; the label follows the first fields.
    """
    chance = random.Random(seed)  # noqa: S311 - made-up rows, not secrets
    found: Columns = {each.name: [] for each in product.prepared_fields}
    for number in range(1, rows + 1):
        application = draw(product, chance)
        month = newest.year * 12 + newest.month - 1 - chance.randrange(months)
        for each in product.prepared_fields:
            if each.role == "ignored":
                value: Any = ""
            elif each.role == "id":
                value = str(number) if each.type == "text" else number
            elif each.role == "time":
                value = date(month // 12, month % 12 + 1, 1) + timedelta(days=chance.randrange(28))
            elif each.role == "label":
                value = int(chance.random() < _risk(product, application))
            elif each.role == "decision":
                value = 1
            else:
                value = application.get(each.name, _draw_field(each, chance))
            found[each.name].append(value)
    return found


def _draw_field(field: Field, chance: random.Random) -> Any:
    kind = chance.random()
    if field.nullable and kind < MISSING:
        return None
    if field.type == "text":
        return chance.choice(field.categories)
    if field.sentinels and kind > 1 - CODED:
        return int(float(chance.choice(list(field.sentinels))))
    low = -REACH if field.minimum is None else field.minimum
    high = REACH if field.maximum is None else field.maximum
    if kind > 1 - CODED - AT_BOUND:
        value = chance.choice((low, high))
    else:  # most people lie near the lower bound, some far out
        value = low + (high - low) * chance.random() ** chance.choice((1, 4, 8))
    return math.floor(value) if field.type == "integer" else float(value)


def _risk(product: Portfolio, application: Application) -> float:
    """Return a probability of default that rises with the first three fields."""
    shares = []
    for each in product.request_fields[:3]:
        value = application[each.name]
        if value is None:
            continue
        if each.type == "text":
            shares.append(each.categories.index(value) / max(1, len(each.categories) - 1))
        else:
            span = (each.maximum or REACH) - (each.minimum or 0)
            shares.append(min(1.0, (abs(value) / span) ** 0.25))
    level = sum(shares) / len(shares) if shares else 0.5
    return 1 / (1 + math.exp(-SHARPNESS * (2 * level - 1) - math.log(BAD_SHARE / (1 - BAD_SHARE))))
