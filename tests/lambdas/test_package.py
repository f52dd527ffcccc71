"""The zips: reproducible, small enough, and complete without anything that Lambda lacks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from deployment import package
from solvencia import portfolio
from tests.lambdas.conftest import ROOT, UV

SCORE_MODULES = {
    "aws_calls",
    "aws_line",
    "aws_signature",
    "body",
    "decision",
    "decision_log",
    "faults",
    "gateway",
    "layout",
    "outages",
    "person_key",
    "policy",
    "portfolio",
    "portfolio_checks",
    "portfolio_file",
    "request",
    "sealing",
    "settings",
}
MEGABYTE = 1_000_000


def run_handler(python: Path, code: Path, statement: str) -> subprocess.CompletedProcess[str]:
    """Import the handler from an unpacked zip, in an interpreter that sees nothing else."""
    program = f"import sys; sys.path.insert(0, {str(code)!r}); import handler; {statement}"
    return subprocess.run(
        [str(python), "-I", "-c", program],
        env={"AWS_REGION": "us-east-1", "HOME": os.environ.get("HOME", "/tmp")},
        capture_output=True,
        text=True,
        check=False,
    )


def unpack(dist: Path, name: str, folder: Path) -> Path:
    with zipfile.ZipFile(dist / f"{name}.zip") as archive:
        archive.extractall(folder)
    return folder


def test_two_builds_give_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    """A zip built again from nothing has the digest that the first one has."""
    first = json.loads((dist / "checksums.json").read_text())

    again = package.build_all(tmp_path, ROOT / "build" / "wheels", UV, print)

    assert {name: entry["sha256"] for name, entry in again.items()} == {
        name: entry["sha256"] for name, entry in first.items()
    }


def test_a_second_build_does_nothing(dist: Path) -> None:
    """Unchanged inputs leave the files as they are, without uv and so without a network."""
    before = {path.name: path.stat().st_mtime_ns for path in dist.glob("*.zip")}
    said: list[str] = []

    package.build_all(dist, Path("/nonexistent"), "/nonexistent/uv", said.append)

    assert said == [f"package: {each.name}.zip is up to date" for each in package.RECIPES]
    assert {path.name: path.stat().st_mtime_ns for path in dist.glob("*.zip")} == before


def test_a_tampered_zip_is_built_again(dist: Path, tmp_path: Path) -> None:
    """The record's digest is held against the file."""
    for path in dist.iterdir():
        shutil.copy(path, tmp_path)
    whole = (tmp_path / "score.zip").read_bytes()
    (tmp_path / "score.zip").write_bytes(whole[:-1])

    package.build_all(tmp_path, ROOT / "build" / "wheels", UV, print)

    assert (tmp_path / "score.zip").read_bytes() == whole


def test_zips_keep_the_limits_of_lambda(dist: Path) -> None:
    """Under 50 MB zipped and 250 MB unpacked; those that clients wait for, under 1 MB."""
    checksums = json.loads((dist / "checksums.json").read_text())

    assert checksums["clean.zip"]["bytes"] < 50 * MEGABYTE
    assert checksums["clean.zip"]["bytes_unpacked"] < 250 * MEGABYTE
    for name in ("score.zip", "decisions.zip", "site.zip"):
        assert checksums[name]["bytes"] < 1 * MEGABYTE


def test_score_zip_holds_only_what_the_handler_reaches(dist: Path) -> None:
    """No NumPy module and no container code is in it, and the portfolios are."""
    with zipfile.ZipFile(dist / "score.zip") as archive:
        names = set(archive.namelist())

    assert names == {
        "handler.py",
        "solvencia/__init__.py",
        *(f"solvencia/{module}.py" for module in SCORE_MODULES),
        *(
            f"solvencia/portfolios/{name}/{file}"
            for name in portfolio.names()
            for file in ("portfolio.toml", "prepare.sql", "reconcile.sql")
        ),
    }


def test_clean_zip_runs_in_a_bare_interpreter(
    dist: Path, bare_python: Path, tmp_path: Path
) -> None:
    """DuckDB and NumPy come from the zip, and both work."""
    code = unpack(dist, "clean", tmp_path)
    statement = (
        "import duckdb, numpy; "
        "print(duckdb.sql('SELECT 6 * 7').fetchnumpy().popitem()[1][0], duckdb.__file__)"
    )

    done = run_handler(bare_python, code, statement)

    assert done.stdout.split() == ["42", str(code / "duckdb" / "__init__.py")], done.stderr


@pytest.mark.parametrize("library", ["duckdb", "numpy", "solvencia"])
def test_clean_zip_fails_without_a_bundled_library(
    dist: Path, bare_python: Path, tmp_path: Path, library: str
) -> None:
    """Nothing outside the zip stands in for what it bundles."""
    code = unpack(dist, "clean", tmp_path)
    shutil.rmtree(code / library)

    done = run_handler(bare_python, code, "print('imported')")

    assert done.returncode != 0
    assert "ImportError" in done.stderr or "ModuleNotFoundError" in done.stderr


def test_score_zip_runs_on_the_standard_library_and_boto3(
    dist: Path, bare_python: Path, tmp_path: Path
) -> None:
    """A request is validated without NumPy, DuckDB or any other library."""
    code = unpack(dist, "score", tmp_path)
    event = {
        "pathParameters": {"portfolio": "consumer_credit"},
        "headers": {"Content-Type": "application/json"},
        "body": "{}",
    }
    statement = f"print(handler.handler({event!r}, None)['statusCode'], 'numpy' in sys.modules)"

    done = run_handler(bare_python, code, statement)

    assert done.stdout.split()[-2:] == ["422", "False"], done.stderr


def test_score_zip_fails_without_the_core(dist: Path, bare_python: Path, tmp_path: Path) -> None:
    """The handler works with the zip's own core, not with one that lies about."""
    code = unpack(dist, "score", tmp_path)
    (code / "solvencia" / "request.py").unlink()

    done = run_handler(bare_python, code, "print('imported')")

    assert done.returncode != 0
    assert "request" in done.stderr


def test_site_zip_serves_the_page_without_boto3(
    dist: Path, bare_python: Path, tmp_path: Path
) -> None:
    """The form and the files of `web/` come out of the zip, in an interpreter with nothing else."""
    code = unpack(dist, "site", tmp_path)
    event = {
        "resource": "/apply/{portfolio}",
        "pathParameters": {"portfolio": "consumer_credit"},
        "headers": {},
    }

    done = run_handler(bare_python, code, f"print(handler.handler({event!r}, None)['body'])")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("<!DOCTYPE html>")
    assert (code / "web" / "form.js").is_file()
