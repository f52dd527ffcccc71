"""Zips whose bytes depend on names and contents alone, and the digests of files."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)


def write(target: Path, files: Mapping[str, Path | bytes]) -> int:
    """Write a zip of path in it -> file or content; return its unpacked size in bytes."""
    partial = target.with_suffix(".partial")
    unpacked = 0
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(files):
            body = content(files[name])
            info = zipfile.ZipInfo(name, date_time=EPOCH)
            info.create_system = 3
            info.external_attr = (0o755 if ".so" in Path(name).suffixes else 0o644) << 16
            # A wheel is compressed already.
            is_zip = name.endswith(".whl")
            info.compress_type = zipfile.ZIP_STORED if is_zip else zipfile.ZIP_DEFLATED
            archive.writestr(info, body)
            unpacked += len(body)
    partial.replace(target)
    return unpacked


def file_digest(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal, or "" where there is no file."""
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def contents_digest(files: Mapping[str, Path | bytes]) -> str:
    """Return the SHA-256 over names and contents of what a zip is made of."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0")
        digest.update(hashlib.sha256(content(files[name])).digest())
    return digest.hexdigest()


def content(source: Path | bytes) -> bytes:
    """Return what a file of a zip holds."""
    return source if isinstance(source, bytes) else source.read_bytes()
