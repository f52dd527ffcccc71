"""Names of columns in any language: a field's name, and what its words suggest."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from drafting import vocabulary

PORTFOLIO = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LENGTH_MAX = 60


def snake_case(name: str, place: int) -> str:
    """Return a column's name as a field's: a-z, 0-9 and _, whatever the language it came in."""
    text = name.replace("ß", "ss").replace("ø", "o").replace("ł", "l").replace("%", " percent ")
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text)
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", text).lower()
    text = re.sub(r"[^a-z0-9]+", "_", text).strip("_")[:LENGTH_MAX].strip("_")
    if not text:
        return f"column_{place + 1}"
    if text[0].isdigit():
        text = f"field_{text}"
    return f"{text}_field" if text in vocabulary.RESERVED else text


def fields(names: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Return a field's name for each column's, no two alike."""
    used, found = set(taken), {}
    for place, name in enumerate(names):
        base = chosen = snake_case(name, place)
        number = 2
        while chosen in used:
            chosen, number = f"{base}_{number}", number + 1
        used.add(chosen)
        found[name] = chosen
    return found


def protected(field: str) -> str:
    """Return what a law may protect that this field seems to be, or ""."""
    words = set(field.split("_"))
    for what, known in vocabulary.PROTECTED.items():
        if words & known and not (what == "age" and words & vocabulary.THINGS):
            return what
    return ""


def is_proxy(field: str) -> bool:
    """Whether the field may stand for a protected one, as a postcode does for origin."""
    return bool({*field.split("_")} & vocabulary.PROXIES)


def is_afterwards(field: str) -> bool:
    """Whether the name speaks of what happens only after a loan is granted."""
    words = {*field.split("_")}
    pairs = vocabulary.AFTERWARDS_PAIRS
    return bool(words & vocabulary.AFTERWARDS) or any({*pair} <= words for pair in pairs)


def is_key(field: str) -> bool:
    """Whether the name is that of an identifier."""
    return bool({*field.split("_")} & vocabulary.KEYS)


def is_count(field: str) -> bool:
    """Whether the name is that of a number of things, such as number_of_dependents."""
    words = field.split("_")
    return len(words) > 1 and words[0] in vocabulary.COUNTS and words[-1] not in vocabulary.KEYS


def is_remark(field: str) -> bool:
    """Whether the name is that of somebody's written remark."""
    return bool({*field.split("_")} & vocabulary.REMARKS)


def is_listed(field: str) -> bool:
    """Whether a number so called names one of a list, such as a branch."""
    return field.removesuffix("_id") in vocabulary.LISTED


def time_rank(field: str) -> int:
    """Return how much a name speaks for the application's date; lower is better."""
    words = field.split("_")
    if {*words} & vocabulary.PROTECTED["date of birth"]:
        return 99
    ranks = [vocabulary.TIMES.index(each) for each in words if each in vocabulary.TIMES]
    return min(ranks) if ranks else 40 if {*words} & vocabulary.DATES else 60


def is_date(field: str) -> bool:
    """Whether the name says that the column holds dates."""
    return bool({*field.split("_")} & vocabulary.DATES)


def unit(field: str) -> str:
    """Return the unit that the name says, or ""."""
    words = {*field.split("_")}
    return next((text for known, text in vocabulary.UNITS if words & known), "")


def reason(field: str) -> tuple[str, str]:
    """Return a first reason text in English and Spanish, from the words of the name."""
    words = field.split("_")
    known = [vocabulary.GLOSSARY.get(each) for each in words]
    if not all(known) or len(words) > 3:
        text = " ".join(words).capitalize()
        return text, text
    english, spanish = ([each[place] for each in known if each] for place in (0, 1))
    if len(words) == 2:  # the adjective stands before the noun here and after it there
        (english if spanish[0] == words[0] or english[0] != words[0] else spanish).reverse()
    return " ".join(english).capitalize(), " ".join(spanish).capitalize()
