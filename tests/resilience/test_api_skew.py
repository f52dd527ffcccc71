"""No skew through gateway, function and endpoint; `tests/core/test_skew.py` asks of every row."""

from __future__ import annotations

from local.place import Place
from resilience import skew
from resilience.cloud import Cloud
from resilience.service import Served


def test_training_rows_sent_through_the_api_score_as_in_batch(
    place: Place, started: tuple[Cloud, Served]
) -> None:
    """Cleaned by the Lambda, trained by the job, asked over HTTP: the same PD, bit for bit."""
    asked, faults = skew.measure(place, *started, limit=60)

    assert asked == 60
    assert faults == []
