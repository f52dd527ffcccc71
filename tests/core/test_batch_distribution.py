"""A batch's scores beside those of training: the index is the report's own."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from xml.etree.ElementTree import fromstring

import numpy as np
import pytest

from solvencia import batch_distribution, drift


def test_the_index_is_that_of_the_models_report():
    """Counted in its bins, the batch gives what `drift.compare` gives of the same points."""
    rng = np.random.default_rng(1)
    train, batch = (rng.normal(mean, 40, 5000).round() for mean in (560, 590))
    batch = batch[batch > 560]  # some bins stay empty
    moved = drift.compare(train, batch)
    reference = {
        "scored_train_rows": 5000,
        "score": {"bins": [asdict(each) for each in moved.bins]},
    }
    found = batch_distribution.compare(Counter(batch.astype(int).tolist()), reference)

    assert found["psi"] == pytest.approx(moved.index, abs=1e-12)
    assert found["reading"] == moved.reading == "shifted"


@pytest.mark.parametrize("points", [Counter(), Counter({560: 3, 610: 1})])
def test_without_a_reference_there_is_no_index_but_a_picture(points):
    """The summary says why; the SVG is one, and carries its title."""
    moved = batch_distribution.compare(points, None)
    drawn = fromstring(batch_distribution.draw("cards & loans", points, moved))  # noqa: S314 - our own

    assert moved["psi"] is None
    assert "no scores of the training rows" in moved["why"]
    assert drawn[0].text == "cards & loans"
