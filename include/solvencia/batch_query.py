"""The query of a batch: one SELECT over the portfolio's own database, and nothing else.

A guard against mistakes and misuse; the role that runs the query may read, and only read, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import dropwhile

QUERY_CHARACTERS_MAX = 20_000

_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<text>'(?:[^']|'')*')|(?P<quoted>"(?:[^"]|"")+")
    |(?P<comment>--|/\*)|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>\d[\d.eE]*)|(?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)
_AFTER_FROM = ("WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FETCH", "WINDOW", "SELECT",
               "UNION", "EXCEPT", "INTERSECT")  # fmt: skip
_WITH_FROM = ("EXTRACT", "TRIM", "SUBSTRING", "OVERLAY")  # functions whose brackets hold a FROM


class InvalidQuery(ValueError):
    """The text is not one SELECT over the portfolio's database; the message names the cure."""


def check(query: str, database: str) -> str:
    """Return the query without its outer blanks; raise InvalidQuery.

    It begins with SELECT or WITH, holds no `;` and no comment, and every table of a FROM or JOIN is
    of `database`, by its bare name or as `database.table`.
    """
    text = query.strip()
    if not text or len(text) > QUERY_CHARACTERS_MAX:
        raise InvalidQuery(f"the query must have 1 to {QUERY_CHARACTERS_MAX} characters")
    tokens = list(_read(text))
    if tokens[0].upper() not in ("SELECT", "WITH"):
        raise InvalidQuery("the query must be one SELECT (or WITH … SELECT)")
    words = [each.upper() for each in tokens]
    depths = [False]  # whether a FROM clause is open, for each depth of brackets
    functions = [False]  # whether these are the brackets of a function that holds a FROM
    for place, (mark, word) in enumerate(zip(tokens, words, strict=True)):
        if mark == "(":
            depths.append(depths[-1] and words[place - 1] in ("FROM", "JOIN", ",", "("))
            functions.append(words[place - 1] in _WITH_FROM)
        elif mark == ")":
            depths = depths[:-1] or [False]
            functions = functions[:-1] or [False]
        elif word == "TABLE" and words[place - 1] != ".":
            raise InvalidQuery("the query must hold no TABLE: write SELECT … FROM the table")
        elif word in _AFTER_FROM:
            depths[-1] = functions[-1] = False
        elif word == "FROM" and (functions[-1] or _is_comparison(words[:place])):
            continue
        elif word in ("FROM", "JOIN") or (mark == "," and depths[-1]):
            depths[-1] = True
            _check_table(tokens[place + 1 :], database)
    return text


def _is_comparison(before: Sequence[str]) -> bool:
    """Whether a FROM after these words belongs to IS [NOT] DISTINCT FROM."""
    return before[-2:] == ["IS", "DISTINCT"] or before[-3:] == ["IS", "NOT", "DISTINCT"]


def _read(text: str) -> Iterator[str]:
    for found in _TOKEN.finditer(text):
        if found["comment"]:
            raise InvalidQuery("the query must hold no comment")
        if found["sign"] in (";", "`", "'", '"', "?"):
            raise InvalidQuery(f"the query must hold no {found['sign']}: send one plain SELECT")
        if not found["space"]:
            yield found[0]


def _check_table(rest: Sequence[str], database: str) -> None:
    """Look at what follows FROM, JOIN or a comma between tables."""
    after = [*dropwhile(lambda each: each == "(", rest)][:4]
    if not after:
        raise InvalidQuery("the query ends where a table should stand")
    word = after[0].upper()
    if word in ("SELECT", "WITH", "VALUES", "UNNEST", "LATERAL"):
        return
    if len(after) > 1 and after[1] == ".":
        name = after[0].strip('"')
        if name.lower() != database.lower() or after[3:4] == ["."]:
            raise InvalidQuery(f"every table must be of the database {database}: leave out others")
