"""The draft's SQL: prepare.sql, reconcile.sql, and the views over a lender's own table."""

from __future__ import annotations

from drafting.plan import CLOSED_ON, Plan

APPLICATION, OUTCOME = "application", "outcome"


def prepare(plan: Plan) -> str:
    """Return the query that yields one row for each matured application."""
    key, time, label = plan.key.name, plan.time.name, plan.target.column.name
    held = _held(plan)
    order = _lines(["period DESC", f"{time} DESC", *held], 16)
    inner = _lines([key, time, *held], 8)
    outer = _lines([f"a.{key}", f"a.{time}", *(f"a.{each}" for each in held)], 4)
    return f"""\
-- One row for each application whose performance window had closed when the period ended.
-- Reads raw partitions up to the period only, so a rerun sees what the first run saw. A key that
-- came twice counts once: its newest row, ties broken by the values.
WITH
applications AS (
    SELECT
{inner},
        row_number() OVER (
            PARTITION BY {key}
            ORDER BY
{order}
        ) AS copy_no
    FROM {APPLICATION}
    WHERE period <= '{{{{ partition_key }}}}'
),
outcomes AS (
    SELECT
        {key},
        {CLOSED_ON},
        {label},
        row_number() OVER (
            PARTITION BY {key} ORDER BY period DESC, {CLOSED_ON} DESC, {label} DESC
        ) AS copy_no
    FROM {OUTCOME}
    WHERE period <= '{{{{ partition_key }}}}'
)
SELECT
{outer},
    o.{label},
    {_part(plan)} AS part
FROM applications a
JOIN outcomes o ON o.{key} = a.{key} AND o.copy_no = 1
WHERE
    a.copy_no = 1
    -- the window is over: it lasted its months, and it ended within the period
    AND o.{CLOSED_ON} >= date_add('month', {{{{ params.window_months }}}}, a.{time})
    AND o.{CLOSED_ON} < date_add('month', 1, date '{{{{ partition_key }}}}-01')
"""


def reconcile(plan: Plan) -> str:
    """Return the query that counts where every raw application went."""
    key, time = plan.key.name, plan.time.name
    label = plan.target.column.name
    order = _lines(["period DESC", f"{time} DESC", *_held(plan)], 16)
    return f"""\
-- Where every raw application of the period went: prepared + immature + repeated = raw.
WITH
applications AS (
    SELECT
        {key},
        {time},
        row_number() OVER (
            PARTITION BY {key}
            ORDER BY
{order}
        ) AS copy_no
    FROM {APPLICATION}
    WHERE period <= '{{{{ partition_key }}}}'
),
outcomes AS (
    SELECT
        {key},
        {CLOSED_ON},
        row_number() OVER (
            PARTITION BY {key} ORDER BY period DESC, {CLOSED_ON} DESC, {label} DESC
        ) AS copy_no
    FROM {OUTCOME}
    WHERE period <= '{{{{ partition_key }}}}'
),
matured AS (
    SELECT a.{key}
    FROM applications a
    JOIN outcomes o ON o.{key} = a.{key} AND o.copy_no = 1
    WHERE a.copy_no = 1
        AND o.{CLOSED_ON} >= date_add('month', {{{{ params.window_months }}}}, a.{time})
        AND o.{CLOSED_ON} < date_add('month', 1, date '{{{{ partition_key }}}}-01')
)
SELECT
    (SELECT count(*) FROM applications) AS raw_applications,
    (SELECT count(*) FROM applications WHERE copy_no > 1) AS repeated_keys,
    (SELECT count(*) FROM applications WHERE copy_no = 1)
        - (SELECT count(*) FROM matured) AS immature,
    (SELECT count(*) FROM prepared WHERE period = '{{{{ partition_key }}}}') AS prepared
"""


def views(plan: Plan, table: str, name: str, *, is_sqlite: bool) -> str:
    """Return the statements that show the lender's table as the portfolio's two."""
    source = ".".join(f'"{each}"' for each in table.split("."))
    held = plan.with_role("id", "time", "protected", "feature", "ignored")
    months = plan.calendar.window_months
    time, label = f'"{plan.time.source}"', f'"{plan.target.column.source}"'
    # A date column may hold a time of day, which the portfolio's dates do not have.
    day = f"date({time})" if is_sqlite else f"CAST({time} AS date)"
    closed = (
        f"date({time}, '+{months} months')"
        if is_sqlite
        else f"CAST({time} + interval '{months} months' AS date)"
    )
    columns = ",\n    ".join(
        f"{day if each.role == 'time' else _quote(each.column.source)} AS {each.name}"
        for each in held
    )
    applications, outcomes = view_names(table, name)
    text = "CAST({} AS text)".format
    bad, good = (_written(plan, each) for each in (1.0, 0.0))
    return f"""\
-- The table {table} as the portfolio {name} reads it. Have somebody who may create views run this
-- once, in the table's own schema; the pipeline reads the views and writes nothing.
CREATE VIEW {applications} AS
SELECT
    {columns}
FROM {source};

-- The outcome is known {months} month(s) after the application: if a column says when, use that.
CREATE VIEW {outcomes} AS
SELECT
    "{plan.key.source}" AS {plan.key.name},
    {closed} AS {CLOSED_ON},
    CASE {text(label)} WHEN {bad} THEN 1 ELSE 0 END AS {plan.target.column.name}
FROM {source}
WHERE {text(label)} IN ({bad}, {good});
"""


def view_names(table: str, name: str) -> tuple[str, str]:
    """Return the views' names, in the table's own schema."""
    schema = f"{table.split('.')[0]}." if "." in table else ""
    return f"{schema}{name}_{APPLICATION}", f"{schema}{name}_{OUTCOME}"


def _part(plan: Plan) -> str:
    """Return the part of an application: from its key, so that a rerun cuts the same way."""
    key = f"a.{plan.key.name}"
    if plan.key.kind == "integer":
        return f"CAST(mod(abs({key}), {{{{ params.parts }}}}) AS VARCHAR)"
    digit = f"lower(substr(to_hex(md5(to_utf8({key}))), 1, 1))"
    return f"CAST(mod(strpos('0123456789abcdef', {digit}), {{{{ params.parts }}}}) AS VARCHAR)"


def _written(plan: Plan, outcome: float) -> str:
    """Return an outcome as the table itself writes it, in quotes."""
    texts = plan.source.columns[plan.target.column.source]
    found = next(
        str(text)
        for text, each in zip(texts, plan.target.outcome.tolist(), strict=True)
        if each == outcome
    )
    return "'" + found.replace("'", "''") + "'"


def _held(plan: Plan) -> list[str]:
    return [each.name for each in plan.with_role("protected", "feature", "ignored")]


def _lines(names: list[str], indent: int) -> str:
    return ",\n".join(" " * indent + each for each in names)


def _quote(name: str) -> str:
    return f'"{name}"'
