"""A batch's query is one SELECT over the portfolio's own tables."""

from __future__ import annotations

import pytest

from solvencia.batch_query import InvalidQuery, check

OWN = "solvencia_cards"


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM application",
        "select a.x, b.y from solvencia_cards.a a join b on a.id = b.id where a.n = 'x; y.z -- no'",
        'WITH t AS (SELECT * FROM "solvencia_cards"."a") SELECT t.x FROM t, b WHERE t.x IN (1, 2)',
        "SELECT x FROM (SELECT x FROM a) s CROSS JOIN UNNEST(s.x) AS u (v)",
        "SELECT coalesce(a.x, a.y) FROM a ORDER BY a.x, a.y",
        "SELECT extract(YEAR FROM p.opened), trim(BOTH ' ' FROM p.name) FROM a p",
        "SELECT substring(a.x FROM 2) FROM a WHERE a.x IS NOT DISTINCT FROM a.y",
        "SELECT a.table FROM ((((((((a))))))))",
        "SELECT DISTINCT a.x FROM a WHERE a.x is distinct from a.y AND a.x > 1",
    ],
)
def test_a_select_over_own_tables_passes(query):
    """Aliases, strings and functions with dots are no tables."""
    assert check(f"  {query}\n", OWN) == query


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "1 to 20000 characters"),
        ("DROP TABLE a", "must be one SELECT"),
        ("UNLOAD (SELECT 1) TO 's3://x/'", "must be one SELECT"),
        ("SELECT 1; DROP TABLE a", "no ;"),
        ("SELECT 1 -- DROP", "no comment"),
        ("SELECT * FROM other.a", OWN),
        ("SELECT * FROM a, other.b", OWN),
        ("SELECT 1 AS other FROM (other.b)", OWN),
        ("SELECT * FROM (a CROSS JOIN other.b)", OWN),
        ('SELECT * FROM a JOIN "other"."b" ON true', OWN),
        ("SELECT * FROM catalog.solvencia_cards.a", OWN),
        ("SELECT * FROM solvencia_cards.a.b", OWN),
        ("SELECT * FROM a WHERE x IN (SELECT x FROM other.b)", OWN),
        ("SELECT * FROM a WHERE 1 = 1 UNION SELECT * FROM other.b", OWN),
        ("SELECT extract(YEAR FROM (SELECT max(d) FROM other.b)) FROM a", OWN),
        ("SELECT trim(SELECT x FROM other.b) FROM a", OWN),
        ("SELECT extract(YEAR FROM p.d) FROM a p, other.b", OWN),
        ("SELECT DISTINCT FROM other.b", OWN),
        ("SELECT 1 FROM a WHERE x IS DISTINCT FROM (SELECT y FROM other.b)", OWN),
        ("SELECT * FROM TABLE(system.query(x))", "no TABLE"),
        ("SELECT 1 FROM a UNION TABLE other.b", "no TABLE"),
        ("SELECT 1 FROM a WHERE x IN (table other.b)", "no TABLE"),
        ("SELECT 1 FROM (((((((other.b)))))))", OWN),
        ("SELECT 1 FROM ((((((((((((other.b))))))))))))", OWN),
        ("SELECT * FROM `a`", "no `"),
        ("SELECT 'open", "no '"),
        ("SELECT * FROM", "ends where a table"),
    ],
)
def test_all_else_is_refused_with_the_cure(query, message):
    """Other statements, other databases, comments and unclosed texts do not reach Athena."""
    with pytest.raises(InvalidQuery, match=message):
        check(query, OWN)
