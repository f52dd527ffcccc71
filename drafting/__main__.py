"""`python -m drafting`: what `make portfolio` calls."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from drafting import connection, draft, page
from drafting.column import Reading
from drafting.draft import Draft, Options, Place
from drafting.plan import Wishes
from drafting.source import DraftFault
from solvencia.portfolio import InvalidPortfolio

EXAMPLES = """
examples:
  make portfolio NAME=car_loans FROM=loans.csv TARGET=default
  make portfolio NAME=car_loans FROM=autos.csv TARGET=estado BAD=moroso TIME=fecha WINDOW=12
  make portfolio NAME=car_loans FROM='warehouse?table=loans' TARGET=default
      (the connection is the environment's AIRFLOW_CONN_WAREHOUSE)
  make portfolio NAME=car_loans FROM='sqlite:////data/lender.db?table=loans' TARGET=default

It writes include/solvencia/portfolios/NAME/, its expectations and contracts, the report
build/portfolio/NAME/report.html and, from a file, the warehouse build/warehouse/NAME.sqlite, so
that make run PORTFOLIO=NAME runs it. docs/your-portfolio.md is the guide.
"""


def main(arguments: list[str] | None = None) -> int:
    """Draft one portfolio; return the exit code."""
    given = _parser().parse_args(arguments)
    root = Path(__file__).resolve().parent.parent
    place = Place(
        root=root,
        build=Path(os.environ.get("SOLVENCIA_BUILD") or root / "build").absolute(),
        python=root / ".venv" / "airflow" / "bin" / "python",
        environment=dict(os.environ),
    )
    try:
        options = _options(given)
        made = draft.make(options, place)
        report = page.write(made, place.report(options.name))
    except (DraftFault, InvalidPortfolio) as fault:
        print(f"\nNothing was drafted.\n{fault}", file=sys.stderr)
        return 1
    print(_tell(made, report, options, place))
    return 0


def _options(given: argparse.Namespace) -> Options:
    for name in ("name", "origin", "target"):
        if not getattr(given, name):
            shown = {"origin": "FROM"}.get(name, name.upper())
            raise DraftFault(
                f"{shown}= is missing: make portfolio NAME=x FROM=data.csv TARGET=column"
            )
    if given.decimal not in ("", ",", "."):
        raise DraftFault(f"DECIMAL={given.decimal!r}: give a comma or a point")
    if given.dates not in ("", "dmy", "mdy"):
        raise DraftFault(f"DATES={given.dates!r}: give dmy (day first) or mdy (month first)")
    return Options(
        name=given.name,
        origin=given.origin,
        target=given.target,
        force=given.force,
        wishes=Wishes(
            key=given.key,
            time=given.time,
            bad=given.bad,
            window_months=_count("WINDOW", given.window),
            test_months=_count("TEST", given.test),
            skip=tuple(_list(given.skip)),
        ),
        reading=Reading(
            decimal=given.decimal,
            dates=given.dates,
            missing=frozenset(_list(given.missing)),
            texts=frozenset(_list(given.text)),
        ),
        delimiter=given.delimiter,
        encoding=given.encoding,
        table=given.table,
        connection_id=given.connection,
        rows=_count("ROWS", given.rows) or connection.ROWS,
        views=given.views,
        title=given.title,
        owner=given.owner or Options.owner,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m drafting",
        description="Draft a portfolio from a CSV file or a table of the lender's warehouse.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    must = parser.add_argument_group("needed")
    must.add_argument("--name", default="", help="NAME: folder, DAGs and route are called so")
    must.add_argument(
        "--from",
        dest="origin",
        default="",
        metavar="FROM",
        help="a CSV file (also .gz), an Airflow connection's id or URI with ?table=name",
    )
    must.add_argument("--target", default="", help="the column of the outcome, of two values")
    say = parser.add_argument_group("say it where the guess is wrong")
    for name, text in (
        ("bad", "the target's value that is bad"),
        ("key", "the column that identifies an application; none: number the rows"),
        ("time", "the column of the application's date; none: make dates"),
        ("window", "months after which the outcome is known"),
        ("test", "newest matured months that test the model"),
        ("skip", "columns to leave out, separated by commas"),
        ("text", "columns that are codes though they look like numbers, separated by commas"),
        ("missing", "words that stand for missing, separated by commas"),
        ("delimiter", "of the CSV file: a character, or tab"),
        ("decimal", "a comma or a point"),
        ("dates", "dmy or mdy, where the file leaves it open"),
        ("encoding", "of the CSV file, such as utf-8, cp1252"),
        ("table", "the table, if FROM does not name it"),
        ("connection", "the Airflow connection's id in portfolio.toml (default warehouse_NAME)"),
        ("rows", f"rows to sample of a table (default {connection.ROWS:,})"),
        ("views", "create: run views.sql on the connection"),
        ("title", "what the product is called"),
        ("owner", f"owner of the DAGs (default {Options.owner})"),
    ):
        say.add_argument(f"--{name}", default="", metavar=name.upper(), help=text)
    say.add_argument("--force", action="store_true", help="draft anew what is still a draft")
    return parser


def _count(name: str, text: str) -> int:
    if not text:
        return 0
    if not text.isdecimal() or not int(text):
        raise DraftFault(f"{name}={text!r}: give a whole number above 0")
    return int(text)


def _list(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _tell(made: Draft, report: Path, options: Options, place: Place) -> str:
    plan, name = made.plan, options.name
    target = plan.target
    lines = [
        f"{plan.source.name}: {plan.source.rows:,} rows, {len(plan.source.columns)} columns",
        f"  bad is {target.bad!r} ({target.note}): {target.bads:,} of {target.known:,}, "
        f"{target.bad_rate:.1%}",
        *(f"  {note}" for note in plan.notes),
        f"  {plan.calendar.start} to {plan.calendar.end}, window {plan.calendar.window_months}, "
        f"test {plan.calendar.test_months} month(s)",
    ]
    for heading, each in (
        ("feature", [each.name for each in plan.with_role("feature")]),
        (
            "ask when filled in",
            [each.name for each in plan.with_role("feature") if "STRONG" in "".join(each.notes)],
        ),
        ("protected", [each.name for each in plan.with_role("protected")]),
        ("ignored", [f"{each.name} ({each.notes[0]})" for each in plan.with_role("ignored")]),
        ("left out", [f"{each.column.source} ({each.notes[0]})" for each in plan.with_role("")]),
        (
            "codes",
            [
                f"{each.name} {', '.join(f'{code:g}' for code in each.codes)}"
                for each in plan.columns
                if each.codes
            ],
        ),
    ):
        if each:
            lines.append(f"  {heading}: {'; '.join(each)}")
    lines.append(
        f"  quick model: AUC {made.baseline.auc:.3f} on {made.baseline.test_rows:,} rows; the gate "
        f"asks for {made.baseline.auc_min:g}"
    )
    written = [made.folder, *made.files, report]
    lines += ["", "written", *(f"  {os.path.relpath(each)}" for each in written)]
    if made.tables:
        rows = ", ".join(f"{table} {count:,}" for table, count in made.tables.items())
        lines.append(f"  {os.path.relpath(place.warehouse(name))} ({rows} rows)")
    lines += ["", "next", f"  read {os.path.relpath(report)}, correct portfolio.toml"]
    if made.views:
        done = "made" if options.views else "to be made by your database's owner"
        lines.append(f"  export AIRFLOW_CONN_{made.connection_id.upper()}={made.sqlite or '…'}")
        lines.append(f"  views {' and '.join(made.views)} ({made.folder.name}/views.sql): {done}")
    lines += ["  make contracts", f"  make run PORTFOLIO={name}"]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
