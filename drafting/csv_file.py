"""A CSV file of any delimiter and encoding, read whole, each fault with its line."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from pathlib import Path

from drafting.source import DraftFault, Source

DELIMITERS = (",", ";", "\t", "|")
NAMED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|"}
ENCODINGS = ("utf-8-sig", "cp1252")
LINES_LOOKED_AT = 200
FAULTS_SHOWN = 5
_BOMS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def read(path: Path, delimiter: str = "", encoding: str = "") -> Source:
    """Return the file's columns; raise DraftFault naming the file, the line and the cure."""
    text, found = _decode(path, _unpack(path), encoding)
    chosen = NAMED.get(delimiter, delimiter) or _find_delimiter(text)
    if len(chosen) != 1:
        raise DraftFault(f"DELIMITER={delimiter!r}: give one character, or tab, comma, semicolon")
    rows, lines, faults = [], [], []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=chosen, strict=True)
    try:
        header = next(reader, [])
        names = _names(path, header, chosen)
        for row in reader:
            if not any(map(str.strip, row)):
                continue
            if len(row) != len(names):
                faults.append(
                    f"{path}: line {reader.line_num}: has {len(row)} fields, the header has "
                    f"{len(names)}"
                )
            rows.append(row)
            lines.append(reader.line_num)
    except csv.Error as error:
        raise DraftFault(
            f"{path}: line {reader.line_num}: {error}: close the quotes around that field"
        ) from error
    if faults:
        more = [f"… and {len(faults) - FAULTS_SHOWN} more"] if len(faults) > FAULTS_SHOWN else []
        cure = (
            f"a field that holds {chosen!r} wants quotes around it; DELIMITER= names another "
            "delimiter"
        )
        raise DraftFault("\n".join([*faults[:FAULTS_SHOWN], *more, cure]))
    if not rows:
        raise DraftFault(f"{path}: has a header and no rows: export the applications again")
    columns = {
        name: [row[place].strip() or None for row in rows] for place, name in enumerate(names)
    }
    renamed = tuple(
        f"two columns are called {first!r}: the later one is taken as {later!r}"
        for first, later in zip(map(str.strip, header), names, strict=True)
        if first and first != later
    )
    return Source(str(path), columns, lines, chosen, found, len(rows), notices=renamed)


def _unpack(path: Path) -> bytes:
    try:
        body = path.read_bytes()
        if body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise DraftFault(f"{path}: cannot be read: {error}: copy the file again") from error
    if not body.strip():
        raise DraftFault(f"{path}: is empty: export the applications again")
    if body[:4] == b"PK\x03\x04":
        raise DraftFault(f"{path}: is a zip or an Excel workbook: save the sheet as CSV")
    return body


def _decode(path: Path, body: bytes, encoding: str) -> tuple[str, str]:
    marked = [name for mark, name in _BOMS if body.startswith(mark)]
    tried = [encoding] if encoding else [*marked, *ENCODINGS]
    for name in tried:
        try:
            text = body.decode(name)
        except LookupError as error:
            raise DraftFault(
                f"ENCODING={encoding!r}: Python knows no such encoding; try utf-8, cp1252, latin-1"
            ) from error
        except UnicodeError:
            continue
        if "\x00" not in text:
            return text, name
    raise DraftFault(
        f"{path}: is not text in {' or '.join(tried)}: name its encoding with ENCODING="
    )


def _find_delimiter(text: str) -> str:
    """Return the delimiter that cuts the first lines into the most equally wide rows."""
    start = text[: 200 * 1024]
    best, best_score = ",", (0.0, 0)
    for each in DELIMITERS:
        widths = []
        try:
            for row in csv.reader(io.StringIO(start, newline=""), delimiter=each):
                if row:
                    widths.append(len(row))
                if len(widths) > LINES_LOOKED_AT:
                    break
        except csv.Error:
            continue
        width = widths[0] if widths else 1
        if width < 2:
            continue
        even = sum(each == width for each in widths) / len(widths)
        if (round(even, 1), width) > best_score:
            best, best_score = each, (round(even, 1), width)
    return best


def _names(path: Path, header: list[str], delimiter: str) -> list[str]:
    names = [each.strip() for each in header]
    if len(names) < 2:
        raise DraftFault(
            f"{path}: line 1: has one column when cut at {delimiter!r}: name the delimiter with "
            "DELIMITER="
        )
    if all(each.replace(".", "").replace(",", "").replace("-", "").isdigit() for each in names):
        raise DraftFault(f"{path}: line 1: holds numbers, not names: put a header above the rows")
    seen: set[str] = set()
    for place, name in enumerate(names):
        base, number = name or f"column {place + 1}", 2
        names[place] = base
        while names[place] in seen:
            names[place] = f"{base} {number}"
            number += 1
        seen.add(names[place])
    return names
