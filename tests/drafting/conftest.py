from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import lender
import pytest

from drafting import draft, page
from drafting.draft import Draft, Options, Place


@pytest.fixture(scope="session")
def table():
    return lender.rows(lender.ROWS)


@pytest.fixture
def place(tmp_path):
    """A repository's root with no portfolio in it."""
    return Place(root=tmp_path / "root", build=tmp_path / "build")


@pytest.fixture
def write(tmp_path):
    """Write rows as a CSV file and return the options that draft it."""

    def write_file(rows, *, name="prestamos.csv", text=None, encoding="utf-8", **changes):
        path = tmp_path / name
        path.write_text(lender.text(rows) if text is None else text, encoding=encoding)
        return replace(Options("prestamos", str(path), "Estado"), **changes)

    return write_file


@pytest.fixture(scope="session")
def drafted(tmp_path_factory, table) -> tuple[Draft, Place, Path]:
    """The lender's export with decimal commas, drafted: the draft, its place and its report."""
    folder = tmp_path_factory.mktemp("drafted")
    path = folder / "prestamos.csv"
    path.write_text(lender.text(table), encoding="cp1252")
    where = Place(root=folder / "root", build=folder / "build")
    made = draft.make(Options("prestamos", str(path), "Estado"), where)
    return made, where, page.write(made, where.report("prestamos"))
