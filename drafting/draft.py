"""A draft, whole: read, decided, written as a portfolio folder, checked, and reported."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from drafting import baseline, connection, csv_file, names, plan, sql_files, toml_file, warehouse
from drafting.baseline import Baseline
from drafting.column import Reading, read_all
from drafting.plan import Plan, Wishes
from drafting.source import DraftFault
from drafting.toml_file import Naming
from solvencia import contracts, portfolio
from solvencia.portfolio_file import PREPARE_SQL


@dataclass(frozen=True)
class Options:
    """What `make portfolio` was told."""

    name: str
    origin: str
    target: str
    force: bool = False
    wishes: Wishes = field(default_factory=Wishes)
    reading: Reading = field(default_factory=Reading)
    delimiter: str = ""
    encoding: str = ""
    table: str = ""
    connection_id: str = ""
    rows: int = connection.ROWS
    views: str = ""
    title: str = ""
    owner: str = "credit-data"


@dataclass(frozen=True)
class Place:
    """Where a draft is written: the repository's root, and its build folder."""

    root: Path
    build: Path
    python: Path = Path(sys.executable)  # of the environment that has the database drivers
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def portfolios(self) -> Path:
        return self.root / "include" / "solvencia" / "portfolios"

    def warehouse(self, name: str) -> Path:
        """The local warehouse of a portfolio that was drafted from a file."""
        return self.build / "warehouse" / f"{name}.sqlite"

    def report(self, name: str) -> Path:
        return self.build / "portfolio" / name


@dataclass(frozen=True)
class Draft:
    """What was made; `tables` are the rows laid out, empty for a connection."""

    plan: Plan
    baseline: Baseline
    folder: Path
    files: tuple[Path, ...]
    tables: dict[str, int]
    views: tuple[str, str] | None
    connection_id: str
    sqlite: str = ""  # the connection as Airflow wants it, where there is no secret in it


def make(options: Options, place: Place) -> Draft:
    """Draft one portfolio; raise DraftFault with the cure, and leave nothing half done."""
    folder = place.portfolios / options.name
    check_name(options.name)
    _check_free(folder, options.force)
    address = None
    if is_file(options.origin, place.environment):
        source = csv_file.read(Path(options.origin), options.delimiter, options.encoding)
    else:
        address = connection.find(
            options.origin,
            options.table,
            options.connection_id or own_connection(options.name),
            place.environment,
        )
        source = connection.read(address, options.rows, place.python)
    made = plan.make(source, read_all(source, options.reading), options.target, options.wishes)
    measured = baseline.measure(made)
    naming = Naming(
        options.name,
        options.title or options.name.replace("_", " ").capitalize(),
        options.owner,
        address.connection_id if address else own_connection(options.name),
        address.table if address else "",
    )
    texts = {
        "portfolio.toml": toml_file.write(made, measured, naming),
        PREPARE_SQL: sql_files.prepare(made),
        "reconcile.sql": sql_files.reconcile(made),
    }
    views = None
    if address:
        is_sqlite = connection.is_sqlite(address)
        texts["views.sql"] = sql_files.views(made, address.table, options.name, is_sqlite=is_sqlite)
        views = sql_files.view_names(address.table, options.name)
        if options.views:
            connection.run_script(address, texts["views.sql"], place.python)
    _write(folder, texts)
    tables = {} if address else warehouse.lay_out(made, place.warehouse(options.name))
    product = portfolio.load(options.name, place.portfolios)
    files = contracts.write(product, place.root)
    sqlite = connection.sqlite_json(address) if address else ""
    return Draft(made, measured, folder, tuple(files), tables, views, naming.connection_id, sqlite)


def check_name(name: str) -> None:
    """Raise DraftFault for a name that no DAG, stack or folder may have."""
    if not names.PORTFOLIO.fullmatch(name) or len(name) > 40:
        raise DraftFault(
            f"NAME={name!r}: write it in lower case, words joined by single underscores, such as "
            "car_loans (at most 40 characters): DAGs, buckets and endpoints are named after it"
        )


def own_connection(name: str) -> str:
    """Return the Airflow connection of a portfolio that has a database to itself."""
    return f"warehouse_{name}"


def is_file(origin: str, environment: Mapping[str, str]) -> bool:
    """Whether FROM names a file; raise DraftFault for one that is not there."""
    path = Path(origin)
    if path.is_file():
        return True
    if path.is_dir():
        raise DraftFault(f"FROM={origin}: is a folder: name one CSV file in it")
    if "://" in origin or "?" in origin or origin.lstrip().startswith("{"):
        return False
    if path.suffix or "/" in origin:
        raise DraftFault(f"FROM={origin}: no such file: check the path")
    if f"AIRFLOW_CONN_{origin.upper()}" not in environment:
        raise DraftFault(
            f"FROM={origin}: neither a file here nor a connection (no AIRFLOW_CONN_"
            f"{origin.upper()} in the environment): check the path"
        )
    return False


def _check_free(folder: Path, force: bool) -> None:
    path = folder / "portfolio.toml"
    if not folder.exists():
        return
    if not force:
        raise DraftFault(
            f"{folder}: is there already and is not touched: choose another NAME=, or say FORCE=1 "
            "to draft it anew"
        )
    if path.exists() and not path.read_text(encoding="utf-8").startswith(toml_file.MARK[:28]):
        raise DraftFault(
            f"{folder}: is no draft any more, as its first line does not say so: FORCE=1 spares "
            "it; remove the folder yourself if you mean it"
        )


def _write(folder: Path, texts: dict[str, str]) -> None:
    """Write the folder beside its place, check it there, then put it in place whole."""
    beside = folder.parent / ".draft" / folder.name
    shutil.rmtree(beside.parent, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        for name, text in texts.items():
            (beside / name).write_text(text, encoding="utf-8")
        portfolio.load.__wrapped__(folder.name, beside.parent)
        shutil.rmtree(folder, ignore_errors=True)
        beside.replace(folder)
        portfolio.load.cache_clear()
    finally:
        shutil.rmtree(beside.parent, ignore_errors=True)
