from __future__ import annotations

import numpy as np
import pytest

from solvencia import features
from solvencia.clean import MissingColumn


def test_columns_follow_the_portfolio(consumer_credit, splits):
    """The matrix holds every feature in the portfolio's order, as float64 with NaN."""
    matrix = features.build(consumer_credit, splits["test"])

    assert matrix.dtype == np.float64
    assert matrix.shape == (len(splits["test"]["application_id"]), 13)
    np.testing.assert_array_equal(matrix[:, 7], splits["test"]["debt_ratio"])
    assert np.isnan(matrix[:, 7]).any()


@pytest.mark.parametrize("name", ["age_years", "is_seriously_delinquent", "application_id", "x"])
def test_only_features_reach_a_model(consumer_credit, splits, name):
    """A protected field, the label, the key or an unknown name is refused."""
    with pytest.raises(features.NotAFeature, match=name):
        features.build(consumer_credit, splits["test"], ["debt_ratio", name])


def test_an_absent_feature_is_named(consumer_credit, splits):
    """Cleaned data without a feature say which one is missing."""
    columns = {name: each for name, each in splits["test"].items() if name != "debt_ratio"}

    with pytest.raises(MissingColumn, match="debt_ratio"):
        features.build(consumer_credit, columns)
