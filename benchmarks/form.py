"""What a first visit to the form costs: bytes as the function sends them, before compression."""

from __future__ import annotations

import re
from typing import Any

from benchmarks.rows import figure
from local.place import Place
from solvencia import portfolio
from solvencia.decision import LANGUAGES
from solvencia.site import reply

LIMIT_KB = 100
_ADDRESSES = re.compile(r'(?:href|src)="([^"?#]+)"')
_FOREIGN = re.compile(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", re.IGNORECASE)


def measure(place: Place) -> list[dict[str, Any]]:
    """Return the rows of the heaviest portfolio and language."""
    loads = [_load(name, language) for name in portfolio.names() for language in LANGUAGES]
    return [
        figure(
            "form, first load",
            max(size for size, _ in loads) / 1000,
            "KB, the heaviest portfolio",
            at_most=LIMIT_KB,
        ),
        figure(
            "form, external requests",
            max(foreign for _, foreign in loads),
            "addresses of other hosts",
            at_most=0,
        ),
    ]


def _load(name: str, language: str) -> tuple[int, int]:
    """Return the bytes of a page with all its files, and how many foreign addresses they hold."""
    page = reply.answer("", name, language, None)["body"]
    texts = [page]
    for address in sorted(set(_ADDRESSES.findall(page))):
        answer = reply.answer(address.removeprefix(f"{name}/"), name, language, None)
        if answer["statusCode"] != 200:
            raise ValueError(f"{name}: the page names {address}, which is not served: look in web/")
        texts.append(answer["body"])
    namespaces = 'xmlns="http://www.w3.org/2000/svg"'
    foreign = sum(len(_FOREIGN.findall(each.replace(namespaces, ""))) for each in texts)
    return sum(len(each.encode()) for each in texts), foreign
