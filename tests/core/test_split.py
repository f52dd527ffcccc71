from __future__ import annotations

import numpy as np

from solvencia.split import assign, find_open


def test_the_newest_matured_vintages_test(consumer_credit):
    """Seven vintages up to 24 months before the period test out of time; older ones do not."""
    dates = np.array(["2024-03-31", "2024-04-01", "2024-10-31", "2022-11-01"], "datetime64[D]")

    split = assign(consumer_credit, "2026-10", np.array([1, 1, 1, 1]), dates)

    assert split.tolist() == ["train", "test", "test", "train"]


def test_an_open_window_is_found(consumer_credit):
    """An application whose 24 months end after the period has no label yet."""
    dates = np.array(["2024-10-31", "2024-11-01"], "datetime64[D]")

    assert find_open(consumer_credit, "2026-10", dates).tolist() == [False, True]


def test_validation_is_a_stable_fifth(consumer_credit):
    """A keyed hash of the key's text picks the same twenty percent, whatever surrounds a row."""
    keys = np.arange(1, 20_001)
    dates = np.full(len(keys), np.datetime64("2023-01-15"))

    split = assign(consumer_credit, "2026-10", keys, dates)
    backwards = assign(consumer_credit, "2026-11", keys[::-1], dates)[::-1]

    assert abs((split == "validation").mean() - 0.2) < 0.01
    assert split.tolist() == backwards.tolist()
    assert np.flatnonzero(split == "validation")[:6].tolist() == [4, 7, 9, 11, 13, 14]


def test_declined_applications_are_kept_apart(consumer_credit):
    """A declined application neither trains, validates nor tests, however old it is."""
    dates = np.array(["2022-12-01", "2022-12-01", "2024-10-31", "2024-10-31"], "datetime64[D]")
    decisions = np.array([1.0, 0.0, 1.0, 0.0])

    split = assign(consumer_credit, "2026-10", np.array([1, 1, 1, 1]), dates, decisions)

    assert split.tolist() == ["train", "declined", "test", "declined"]


def test_a_text_key_falls_as_its_number(consumer_credit):
    """The hash reads the key's decimal text, so its type does not matter."""
    keys = np.arange(1, 200)
    dates = np.full(len(keys), np.datetime64("2023-01-15"))
    texts = np.array([str(each) for each in keys], dtype=object)

    split = assign(consumer_credit, "2026-10", keys, dates)

    assert split.tolist() == assign(consumer_credit, "2026-10", texts, dates).tolist()
