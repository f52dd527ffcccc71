"""The files of `web/`: the page's template, its texts, and what a browser fetches beside it."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
TEMPLATE = "form.html"


@dataclass(frozen=True)
class Asset:
    """One file for the browser; its address holds the digest, so it may be kept for ever."""

    name: str
    content_type: str
    text: str
    digest: str


def read(name: str) -> str:
    """Return the text of a file of `web/`."""
    return (_folder() / name).read_text(encoding="utf-8")


@functools.cache
def texts(language: str) -> Mapping[str, Any]:
    """Return the page's own texts in a language."""
    found: dict[str, Any] = json.loads(read(f"{language}.json"))
    return found


@functools.cache
def assets() -> Mapping[str, Asset]:
    """Return every asset by its plain file name."""
    found = {}
    for path in sorted(_folder().iterdir()):
        if content_type := TYPES.get(path.suffix):
            text = path.read_text(encoding="utf-8")
            found[path.name] = Asset(path.name, content_type, text, digest(text))
    return found


def address(name: str) -> str:
    """Return the name that the page asks for: `form.js` becomes `form.<digest>.js`."""
    asset, suffix = assets()[name], Path(name).suffix
    return f"{name.removesuffix(suffix)}.{asset.digest}{suffix}"


def digest(text: str) -> str:
    """Return what names a content: 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@functools.cache
def _folder() -> Path:
    """Return `web/`: beside the package in a Lambda zip, at the root of the repository."""
    places = [parent / "web" for parent in Path(__file__).resolve().parents]
    return next(each for each in places if (each / TEMPLATE).is_file())
