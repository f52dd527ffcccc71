"""A portfolio's words: what its units, codes and categories are called, and who the lender is.

They stand in `words.toml` beside `portfolio.toml`, may be left out, and change no score.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from solvencia import layout
from solvencia.decision import LANGUAGES
from solvencia.portfolio import Field, InvalidPortfolio, Portfolio

FILE = "words.toml"
HINT = "hint"  # `<field>.hint` is a sentence that helps to answer
LENDER = ("name", "address", "contact", "supervisor")


@dataclass(frozen=True)
class Words:
    """Texts by language and key, and the lender's own particulars, which the letter states."""

    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    lender: Mapping[str, str] = field(default_factory=dict)

    def say(self, language: str, text: str, name: str = "") -> str:
        """Return what a text is called, for the field `name` first; the text itself if nothing."""
        known = self.texts.get(language, {})
        return known.get(f"{name}.{text}") or known.get(text) or text.replace("_", " ")

    def hint(self, language: str, name: str) -> str:
        """Return the sentence that helps to answer a field, empty where there is none."""
        return self.texts.get(language, {}).get(f"{name}.{HINT}", "")


def load(portfolio: Portfolio, root: Path = layout.PORTFOLIOS) -> Words:
    """Read a portfolio's words; raise InvalidPortfolio naming every key that nothing bears."""
    source = root / portfolio.name / FILE
    if not source.is_file():
        return Words()
    try:
        raw = tomllib.loads(source.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise InvalidPortfolio(source, [f"{FILE}: {error}"]) from error
    if problems := [f"{FILE}: {each}" for each in _find_faults(portfolio, raw)]:
        raise InvalidPortfolio(source, problems)
    return Words({each: raw.get(each, {}) for each in LANGUAGES}, raw.get("lender", {}))


def _find_faults(portfolio: Portfolio, raw: Mapping[str, Any]) -> Iterator[str]:
    known = set(_nameable(portfolio))
    allowed: dict[str, set[str]] = dict.fromkeys(LANGUAGES, known) | {"lender": set(LENDER)}
    for section, texts in raw.items():
        if section not in allowed or not isinstance(texts, dict):
            yield f"{section}: use the tables {', '.join(f'[{each}]' for each in allowed)}"
            continue
        for key, text in texts.items():
            if key not in allowed[section]:
                yield f"{section}.{key}: nothing of the portfolio is called so: drop or rename it"
            elif not isinstance(text, str) or not text:
                yield f"{section}.{key}: give a text"


def _nameable(portfolio: Portfolio) -> Iterator[str]:
    """Yield every key that may stand for something an applicant reads."""
    for each in portfolio.request_fields:
        yield f"{each.name}.{HINT}"
        for text in _texts(each):
            yield from (text, f"{each.name}.{text}")
    yield from (each.name for each in portfolio.bands)


def _texts(each: Field) -> Iterator[str]:
    yield from filter(None, (each.unit, *each.sentinels.values(), *each.categories))
