from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from solvencia import cells, clean_row, features, leaves, trees
from solvencia.clean import clean

KINDS = ("scorecard", "boosting", "blend")
VALUES = [
    None, 0, 1, 2, 7, 60, 61, 96, 98, 98.0, 0.5, 0.9999999, -1, 1.5, 1e7, 1e9, 2**60, math.inf,
    math.nan, "7", "", True,
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_score_with_reasons_has_the_bits_of_the_pd(consumer_credit, splits, kinds, kind):
    """The tables and hybrids give, row by row, what the model predicts for all rows at once."""
    matrix = features.build(consumer_credit, splits["test"])

    found = [kinds[kind].explainer.score(row)[0] for row in matrix.tolist()]

    assert np.array(found).tobytes() == kinds[kind].predict(matrix).tobytes()


@pytest.mark.parametrize("rows", [1, 2, 3, 17, 200])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_together_have_the_bits_of_a_row_alone(consumer_credit, splits, kinds, kind, rows):
    """PDs and contributions do not depend on how many rows are scored at once."""
    matrix = features.build(consumer_credit, splits["test"])[:rows]

    pds, shares = kinds[kind].explainer.score_all(matrix)

    alone = [kinds[kind].explainer.score(row) for row in matrix.tolist()]
    assert pds.tobytes() == np.array([pd for pd, _ in alone]).tobytes()
    assert shares.tobytes() == np.array([each for _, each in alone]).tobytes()


def test_trees_of_one_feature_are_added_in_their_order(kinds):
    """With a single feature, too, rows together and a row alone add one tree after the other."""
    scorer = kinds["boosting"].parts[0].scorer
    columns = len(scorer.encoding.columns)
    values = np.linspace(0, 3, 300)[:, None].repeat(columns, axis=1)
    one = np.zeros(columns, dtype=np.intp)  # as if all columns were one feature's
    tables = cells.build(scorer.leaves, one, 1, values[0])
    places = tables.locate_all(values)

    together = tables.add_up_all(places)

    alone = np.array([tables.add_up(each) for each in places])
    chosen = tables.table.take(tables.bases[:, None] + places.T, axis=0)
    in_order = np.add.accumulate(chosen, axis=0)[-1]
    assert together.shape == (300, 2)
    assert together.tobytes() == alone.tobytes() == in_order.tobytes()


def test_the_cells_agree_with_the_leaves(consumer_credit, splits, kinds):
    """Shapley values looked up in tables are those worked out leaf by leaf."""
    model = kinds["boosting"]
    scorer, reference = model.parts[0].scorer, model.reference_row()
    matrix = features.build(consumer_credit, splits["test"])[:200]

    tables = cells.build(scorer.leaves, scorer.encoding.owners(), matrix.shape[1], reference)
    found = tables.add_up_all(tables.locate_all(matrix))[:, 1:]

    wanted = scorer.contributions(matrix, reference) * scorer.members
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-12)


def test_a_split_on_missing_alone_parts_nothing_else(kinds, consumer_credit, splits):
    """Where a threshold is infinite no number lies beyond it: each row meets one leaf a tree."""
    scorer = kinds["boosting"].parts[0].scorer
    text = scorer.text
    line = next(each for each in text.splitlines() if each.startswith("threshold="))
    first, rest = line.removeprefix("threshold=").split(" ", 1)
    altered = trees.read(text.replace(line, f"threshold=inf {rest}", 1), scorer.encoding, 1)
    matrix = features.build(consumer_credit, splits["test"])[:50]

    boxes = leaves.read_text(altered.text)

    for row in matrix:
        inside = boxes.find_inside(row).all(axis=0)
        assert np.bincount(boxes.tree[inside]).tolist() == [1] * (int(boxes.tree.max()) + 1)
    assert first != "inf"


def test_a_plain_row_is_cleaned_to_the_bits_of_clean(consumer_credit, application):
    """What the quick way reads is what `clean` makes of it; the rest it leaves to `clean`."""
    names = [each.name for each in consumer_credit.features]
    quick = clean_row.compile(consumer_credit, names)
    fields = [each.name for each in consumer_credit.request_fields]
    read = 0
    for field in fields:
        for value in VALUES:
            given = application | {field: value}
            columns = {name: np.array([given[name]], dtype=object) for name in fields}
            whole = clean(consumer_credit, columns)
            try:
                found = quick([given[name] for name in fields])
            except clean_row.Unusual:
                continue
            read += 1
            wanted = features.build(consumer_credit, whole.columns)[0]
            assert not whole.reasons
            assert np.array(found).tobytes() == wanted.tobytes(), (field, value)

    assert read > 50


def test_texts_are_read_as_the_portfolio_spells_them(cards):
    """A category becomes its place; one with blanks around it is left to `clean`."""
    quick = clean_row.compile(cards, ["housing", "years_at_address"])

    assert quick(["own", 3]) == [1.0, 3.0]
    with pytest.raises(clean_row.Unusual):
        quick([" own ", 3])
    with pytest.raises(clean_row.Unusual):
        quick([None, 3])


def test_trees_too_large_for_tables_are_scored_without(consumer_credit, splits, kinds, monkeypatch):
    """Beyond the bound of memory the booster scores and the leaves explain."""
    monkeypatch.setattr(cells, "BYTES_MAX", 1000)
    model = dataclasses.replace(kinds["boosting"])
    row = features.build(consumer_credit, splits["test"])[0]

    pd, shares = model.explainer.score(row.tolist())

    wanted, wanted_shares = kinds["boosting"].explainer.score(row.tolist())
    assert pd == wanted
    np.testing.assert_allclose(shares, wanted_shares, rtol=0, atol=1e-12)
