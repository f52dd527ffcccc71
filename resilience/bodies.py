"""Bodies that a score request may carry, from whole to hopeless; the same for the same seed."""

from __future__ import annotations

import gzip
import json
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from resilience import applicants
from solvencia.portfolio import Portfolio

JSON = "application/json"
TEN_MEGABYTES = 10 * 1024 * 1024
SECRET = "zq-4711-canary"  # noqa: S105 - a text that no answer and no log may repeat
DEPTHS = (3, 200, 900, 1100, 30_000)
TYPES = ("", "text/plain", "application/xml", "application/json; charset=utf-16", "application/x")

type Application = dict[str, Any]
type Maker = Callable[[Application, random.Random], bytes]


@dataclass(frozen=True)
class Attempt:
    """One request's body; `statuses` are the answers that are right for it."""

    kind: str
    raw: bytes
    statuses: tuple[int, ...]
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


def draw(product: Portfolio, count: int, seed: int, longest: int) -> Iterator[Attempt]:
    """Yield `count` attempts in turns of all kinds, every twentieth whole; `longest` in bytes."""
    chance = random.Random(seed)  # noqa: S311 - made-up bodies, not secrets
    kinds = list(KINDS)
    for number in range(count):
        application = applicants.draw(product, chance)
        if number % 20 == 0:
            yield _whole(application, chance, number, seed)
        elif number % 1000 == 1:
            yield Attempt("too long", _long(application, longest), (413,))
        elif number % 20 == 11:
            given = chance.choice(TYPES)
            yield Attempt("content type", _dump(application), (400, 415), given)
        elif number % 20 == 12:
            name = chance.choice(("Idempotency-Key", "X-Person-Id"))
            headers = {name: chance.choice(("a b", "x" * 65, "ü", "../..", "{}"))}
            yield Attempt("header", _dump(application), (400,), headers=headers)
        else:
            kind = kinds[number % len(kinds)]
            make, statuses = KINDS[kind]
            yield Attempt(kind, make(application, chance), statuses)


def _whole(application: Application, chance: random.Random, number: int, seed: int) -> Attempt:
    """Return an application that is in order, in one of the ways in which JSON may spell it."""
    headers = {"Accept-Language": chance.choice(("es", "en;q=0.1", "*", ";;q=9", "x" * 900))}
    if chance.random() < 0.5:
        headers["Idempotency-Key"] = f"fuzz-{seed}-{number}"
    items = list(application.items())
    chance.shuffle(items)
    spelt = json.dumps(dict(items), indent=chance.choice((None, 1)))
    if chance.random() < 0.3:
        spelt = "".join(
            f"\\u{ord(each):04x}" if each.isalpha() and spelt[at - 1] == '"' else each
            for at, each in enumerate(spelt)
        )
    return Attempt("whole", spelt.encode(), (200,), headers=headers)


def _dump(value: object) -> bytes:
    return json.dumps(value).encode()


def _long(application: Application, size: int) -> bytes:
    return _dump(application | {"more": SECRET + "x" * size})[:size]


def _change(application: Application, chance: random.Random, value: Any) -> Application:
    return {**application, chance.choice(list(application)): value}


def _written(application: Application, chance: random.Random, literal: str) -> bytes:
    """Return the application with one value spelt as given, be it JSON or not."""
    marked = _dump(_change(application, chance, "@@"))
    return marked.replace(b'"@@"', literal.encode("utf-8", "surrogatepass"))


def _wrong_type(application: Application, chance: random.Random) -> bytes:
    values: tuple[Any, ...] = (True, [1], {"a": 1}, [], {}, SECRET, "", "1", [[SECRET]], {"": None})
    return _dump(_change(application, chance, chance.choice(values)))


def _no_number(application: Application, chance: random.Random) -> bytes:
    literals = ("NaN", "Infinity", "-Infinity", "nan", "+1", "01", "1.", ".5", "0x10", "1_000")
    return _written(application, chance, chance.choice(literals))


def _huge(application: Application, chance: random.Random) -> bytes:
    digits = "9" * chance.choice((400, 4299, 4301, 20_000))
    literals = ("1e999", "-1e999", "1e308", "-1.7976931348623157e308", digits, f"-{digits}")
    return _written(application, chance, chance.choice((*literals, f"1e{digits[:400]}")))


def _deep(application: Application, chance: random.Random) -> bytes:
    depth = chance.choice(DEPTHS)
    opening, closing = chance.choice((("[", "]"), ('{"a":', "}")))
    return _written(application, chance, opening * depth + "1" + closing * depth)[:45_000]


def _unicode(application: Application, chance: random.Random) -> bytes:
    texts = ("\\ud800", "\\udfff\\ud800", "\\u0000", "\u202e", "𒀀", "e\u0301", "\ufffd", "İ", "٣")
    text = "".join(chance.choice(texts) for _ in range(chance.randint(1, 40)))
    if chance.random() < 0.5:
        return _written(application, chance, f'"{text}"')
    return _dump(application)[:-1] + f', "{text}": 1}}'.encode()


def _encoding(application: Application, chance: random.Random) -> bytes:
    text = json.dumps(application | {"ñ": "ü"}, ensure_ascii=False)
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: text.encode("utf-16"),
        lambda: text.encode("utf-32-be"),
        lambda: text.encode("latin-1"),
        lambda: b"\xef\xbb\xbf" + text.encode(),
        lambda: gzip.compress(text.encode(), mtime=0),
        lambda: b"\xc0\xaf" + text.encode(),
    )
    return chance.choice(ways)()


def _twice(application: Application, chance: random.Random) -> bytes:
    name = chance.choice(list(application))
    raw = _dump(application)
    again = json.dumps(application[name] if chance.random() < 0.5 else 1)
    return raw[:-1] + f', "{name}": {again}}}'.encode()


def _broken(application: Application, chance: random.Random) -> bytes:
    raw = bytearray(_dump(application))
    if chance.random() < 0.5:
        return bytes(raw[: chance.randrange(len(raw))])
    return bytes(raw) + bytes(chance.choice((b"}", b"\x00", b"{}", b",", b"//x")))


def _noise(application: Application, chance: random.Random) -> bytes:
    if chance.random() < 0.5:
        return chance.randbytes(chance.randint(1, 300))
    return "".join(chance.choices(string.printable, k=chance.randint(1, 300))).encode()


def _no_object(application: Application, chance: random.Random) -> bytes:
    values: tuple[Any, ...] = (None, 1, "x", [], [application], True, "")
    return _dump(chance.choice(values))


def _missing(application: Application, chance: random.Random) -> bytes:
    kept = chance.sample(list(application), chance.randrange(len(application)))
    return _dump({name: application[name] for name in kept})


def _unknown(application: Application, chance: random.Random) -> bytes:
    names = [f"{chance.choice(('age_years', '__proto__', 'ü', ' ', 'a.b'))}{n}" for n in range(60)]
    few = chance.sample(names, chance.choice((1, 5, 60)))
    return _dump(application | dict.fromkeys(few, SECRET))


def _beyond(application: Application, chance: random.Random) -> bytes:
    values = (-1, -0.5, 1e15, 10**18, 1.5e-9 - 1, -(10**400), 2**63)
    return _dump(_change(application, chance, chance.choice(values)))


REFUSED = (400, 422)
# Where chance may leave an application in order (no bound, a field that may be empty), the
# published schema tells.
EITHER = (200, *REFUSED)
KINDS: dict[str, tuple[Maker, tuple[int, ...]]] = {
    "wrong type": (_wrong_type, EITHER),
    "no number": (_no_number, REFUSED),
    "huge number": (_huge, EITHER),
    "deep": (_deep, REFUSED),
    "unicode": (_unicode, REFUSED),
    "encoding": (_encoding, REFUSED),
    "given twice": (_twice, (400,)),
    "broken": (_broken, REFUSED),
    "noise": (_noise, REFUSED),
    "no object": (_no_object, REFUSED),
    "missing": (_missing, EITHER),
    "unknown": (_unknown, (422,)),
    "beyond": (_beyond, EITHER),
}
