"""Questions about the prepared applications, in Athena's SQL, written from the portfolio."""

from __future__ import annotations

from solvencia.portfolio import Field, Portfolio

TILES = 20


def count_rows(portfolio: Portfolio) -> str:
    """Return the query of each raw table's rows, first and last period."""
    return "\nUNION ALL\n".join(
        f"SELECT '{each}' AS raw_table, count(*) AS rows_held,\n"
        f"    min(period) AS first_period, max(period) AS last_period\nFROM {each}"
        for each in portfolio.tables
    )


def vintages(portfolio: Portfolio, period: str) -> str:
    """Return the query of applications and bad rate by month of application, oldest first."""
    time, label = portfolio.time.name, portfolio.label.field
    return (
        f"SELECT date_format({time}, '%Y-%m') AS vintage, count(*) AS applications,\n"
        f"    count({label}) AS judged, sum({label}) AS bads\n"
        f"FROM prepared\nWHERE period = '{period}'\nGROUP BY 1\nORDER BY 1"
    )


def missing(portfolio: Portfolio, period: str) -> str:
    """Return the query of what is absent in each field, and how such applications end."""
    parts = []
    for each in portfolio.request_fields:
        kinds = [("missing", f"{each.name} IS NULL")] if each.nullable else []
        for meaning in dict.fromkeys(each.sentinels.values()):
            codes = [_literal(code) for code, text in each.sentinels.items() if text == meaning]
            kinds.append((meaning, f"{each.name} IN ({', '.join(codes)})"))
        parts += [
            f"SELECT '{each.name}' AS field, '{_quoted(meaning)}' AS what, "
            f"count_if({test}) AS applications,\n"
            f"    avg(CASE WHEN {test} THEN CAST({portfolio.label.field} AS double) END)"
            " AS bad_rate\n"
            f"FROM prepared WHERE period = '{period}'"
            for meaning, test in kinds
        ]
    nothing = (
        "SELECT '' AS field, '' AS what, 0 AS applications, 0.0 AS bad_rate\n"
        "FROM prepared WHERE 1 = 0"
    )
    return "\nUNION ALL\n".join(parts) or nothing


def patterns(portfolio: Portfolio, period: str) -> str:
    """Return the query of which fields are missing together, the commonest first."""
    names = [each.name for each in portfolio.request_fields if each.nullable]
    flags = "".join(f"    {name} IS NULL AS {name},\n" for name in names)
    places = ", ".join(str(place + 1) for place in range(len(names))) or "()"
    return (
        f"SELECT\n{flags}    count(*) AS applications,\n"
        f"    avg(CAST({portfolio.label.field} AS double)) AS bad_rate\n"
        f"FROM prepared\nWHERE period = '{period}'\nGROUP BY {places}\n"
        "ORDER BY applications DESC"
    )


def against_outcome(portfolio: Portfolio, period: str) -> str:
    """Return the query of every feature's bins: field, low, high, category, applications, bads."""
    parts = [_bins(portfolio, each, period) for each in portfolio.request_fields]
    return "\nUNION ALL\n".join(parts)


def _bins(portfolio: Portfolio, field: Field, period: str) -> str:
    name, label = field.name, portfolio.label.field
    rows = f"FROM prepared WHERE period = '{period}' AND {label} IS NOT NULL AND {name}"
    counted = f"count(*) AS applications, sum({label}) AS bads"
    nothing = "CAST(NULL AS double)"
    if not field.is_numeric:
        return (
            f"SELECT '{name}' AS field, {nothing} AS low, {nothing} AS high, {name} AS category,\n"
            f"    {counted}\n{rows} IS NOT NULL GROUP BY {name}"
        )
    ordinary = f"{rows} IS NOT NULL"
    if field.sentinels:
        ordinary += f" AND {name} NOT IN ({', '.join(map(_literal, field.sentinels))})"
    return (
        f"SELECT '{name}' AS field, CAST(min({name}) AS double) AS low,\n"
        f"    CAST(max({name}) AS double) AS high, CAST(NULL AS varchar) AS category, {counted}\n"
        f"FROM (\n    SELECT {name}, {label},\n"
        f"        floor({TILES - 0.001} * percent_rank() OVER (ORDER BY {name})) AS tile\n"
        f"    {ordinary}\n)\n"
        "GROUP BY tile"
    )


def _literal(value: object) -> str:
    """Return a sentinel as SQL: the portfolio's keys are texts, numbers most of them."""
    text = str(value)
    try:
        float(text)
    except ValueError:
        return f"'{_quoted(text)}'"
    return text


def _quoted(text: str) -> str:
    return text.replace("'", "''")
