from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from solvencia import woe


def draw(rows: int = 6000, seed: int = 3):
    """Values in whose middle the risk dips, some missing, and their outcomes."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1, rows)
    log_odds = -2 + values + 0.8 * np.sin(4 * values)
    values[rng.random(rows) < 0.1] = np.nan
    return values, (rng.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(float)


def test_woe_and_information_value_follow_their_definition():
    """WOE is ln(share of goods / share of bads); IV is its mean by the shares' difference."""
    binning = woe.tabulate(np.array([[60, 10], [30, 20], [10, 10]]), (5.0,))

    shares = [(0.6, 0.25), (0.3, 0.5), (0.1, 0.25)]
    assert binning.woe == pytest.approx([np.log(good / bad) for good, bad in shares])
    assert binning.information_value == pytest.approx(
        sum((good - bad) * np.log(good / bad) for good, bad in shares)
    )


def test_values_fall_up_to_their_edge():
    """An edge belongs to the bin below it; missing has the last bin."""
    binning = woe.tabulate(np.array([[60, 10], [30, 20], [10, 10]]), (5.0,))

    assert binning.place(np.array([-9.0, 5.0, 5.1, 99.0, np.nan])).tolist() == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("direction", [-1, 0, 1])
def test_bins_keep_the_direction(direction):
    """Bad rates rise or fall from bin to bin as declared; free ones follow the dip."""
    values, outcome = draw()

    binning = woe.fit(values, outcome, direction)

    signs = {np.sign(after - before) for before, after in pairwise(binning.woe[:-1])}
    assert signs == {-1: {1.0}, 0: {-1.0, 1.0}, 1: {-1.0}}[direction] or direction == -1
    assert all(sign == -direction for sign in signs if direction)
    assert sum(binning.goods) + sum(binning.bads) == len(values)
    assert binning.goods[-1] + binning.bads[-1] == np.isnan(values).sum()


def test_the_bins_are_the_best_there_are():
    """No other cut of the fine quantiles has more information less noise; all were tried."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, 9, 900).astype(float)
    outcome = (rng.random(900) < 0.1 + 0.05 * values).astype(float)
    noise = woe.NOISE_FEW_ROWS * (1 / outcome.sum() + 1 / (900 - outcome.sum()))

    found = woe.fit(values, outcome, 1)

    best = -np.inf
    for cuts in range(256):
        edges = np.array([float(at) for at in range(8) if cuts >> at & 1])
        bins = np.searchsorted(edges, values)
        rows = np.bincount(bins, minlength=len(edges) + 1)
        bads = np.bincount(bins, outcome, minlength=len(edges) + 1)
        if rows.min() < woe.ROWS_MIN or bads.min() < 1 or (np.diff(bads / rows) <= 0).any():
            continue
        counts = np.vstack([np.column_stack([rows - bads, bads]), [0, 0]]).astype(int)
        value = woe.tabulate(counts, tuple(edges)).information_value
        best = max(best, value - noise * len(rows))
    assert found.information_value - noise * (len(found.edges) + 1) == pytest.approx(best)
    assert len(found.edges) > 1


def test_noise_gets_one_bin():
    """A field that tells nothing is not cut."""
    rng = np.random.default_rng(8)

    binning = woe.fit(rng.normal(size=5000), (rng.random(5000) < 0.1).astype(float))

    assert binning.edges == ()
    assert binning.woe == (0.0, 0.0)


def test_a_common_category_has_its_own_bin():
    """Rare categories of like risk share one, whatever their codes; unseen ones are calm."""
    rng = np.random.default_rng(2)
    codes = np.concatenate([rng.integers(0, 3, 4960), np.tile([3, 4, 5, 6], 10)]).astype(float)
    rate = np.array([0.3, 0.05, 0.3, 0.05, 0.3, 0.3, 0.3])[codes.astype(int)]
    outcome = (rng.random(5000) < rate).astype(float)

    binning = woe.fit(codes, outcome, categories=9)

    assert binning.place(np.arange(7.0)).tolist() == [0, 1, 2, 3, 3, 3, 3]
    assert binning.place(np.array([np.nan, 9])).tolist() == [4, 4]
    assert sum(binning.goods) + sum(binning.bads) == 5000
    assert binning.goods[3] + binning.bads[3] == 40


def test_a_prior_draws_small_bins_to_the_middle():
    """Rows of the overall rate join each bin; the information value stays that of the counts."""
    counts = np.array([[600, 10], [3, 5], [0, 0]])

    plain, drawn = woe.tabulate(counts, (5.0,)), woe.tabulate(counts, (5.0,), (), 10.0)

    good = (3 + 10 * 603 / 618) / 603
    bad = (5 + 10 * 15 / 618) / 15
    assert drawn.woe[1] == pytest.approx(np.log(good / bad))
    assert plain.woe[1] < drawn.woe[1] < 0
    assert drawn.woe[2] == pytest.approx(0)
    assert drawn.information_value == plain.information_value


def test_a_prior_keeps_the_direction():
    """Bins that the prior would turn round are joined."""
    values = np.repeat([0.0, 1.0, 2.0], [700, 500, 40])
    outcome = np.concatenate(
        [np.arange(700) % 100 == 0, np.arange(500) % 4 == 0, np.arange(40) % 3 < 2]
    ).astype(float)

    binning = woe.fit(values, outcome, 1, prior=400.0)

    assert (np.diff(binning.woe[:-1]) < 0).all()
    assert len(woe.fit(values, outcome, 1).edges) > len(binning.edges) == 1


def test_a_field_of_missing_values_only_is_one_bin():
    """Nothing known is nothing told, and no fault."""
    binning = woe.fit(np.full(100, np.nan), (np.arange(100) % 4 == 0).astype(float))

    assert binning.woe[-1] == pytest.approx(0.0)
    assert binning.information_value == 0
