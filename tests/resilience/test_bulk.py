"""A small batch, each row found again in its result (`make bulk`: a million of them)."""

from __future__ import annotations

from typing import Any

import pytest

from local.place import Place
from resilience import bulk, memory, offers, once
from resilience.bulk import Batch
from resilience.cloud import Cloud
from solvencia import portfolio
from tests.resilience.conftest import PORTFOLIO

ROWS, SEED = 3000, 7


def test_each_row_of_a_batch_is_scored_or_bad_once_and_scores_as_it_does_alone(
    cloud: Cloud, place: Place
) -> None:
    """Of 3,000 rows 30 are bad and name the field that was broken; the others are scored."""
    folder, product = place.build / "resilience" / "aws", portfolio.load(PORTFOLIO)
    found = bulk.measure(cloud, product, folder, ROWS, SEED, print)

    assert found.faults == []
    assert (found.scored, found.bad, found.sampled) == (2970, 30, 100)
    if memory.is_measurable():
        assert set(found.peaks_mb) == set(bulk.KINDS)


def _results(rows: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    scored, bad = [], []
    for row, fault in offers.expect(portfolio.load(PORTFOLIO), rows, SEED):
        if fault is None:
            scored.append({"row": row})
        else:
            bad.append({"row": row, "problems": {fault.field: "is wrong"}})
    return scored, bad


def _check(scored: list[dict[str, Any]], bad: list[dict[str, Any]], counted: int) -> list[str]:
    summary = {"rows_in": 300, "scored": counted, "bad": 3}
    decided = {"by_decision": {"approve": counted}, "by_band": {"A": counted}}
    results = [iter(scored), iter(bad)]
    return once.check(portfolio.load(PORTFOLIO), 300, SEED, summary | decided, results, {})[1]


@pytest.mark.parametrize("harm", ["none", "lost", "twice", "other field", "extra", "count"])
def test_a_result_that_is_not_right_is_found_out(harm: str) -> None:
    """The drill notices a row that is lost, doubled or made up, a wrong field, a wrong count."""
    scored, bad = _results(300)
    if harm == "lost":
        del scored[100]
    elif harm == "twice":
        scored.insert(100, scored[100])
    elif harm == "other field":
        bad[1]["problems"] = {"shoe_size": "is wrong"}
    elif harm == "extra":
        scored.append({"row": 301})
    faults = _check(scored, bad, 296 if harm == "count" else 297)

    assert bool(faults) == (harm != "none"), faults


def test_memory_that_grows_with_the_rows_is_a_fault() -> None:
    """A quarter more for ten times the rows, and a part of an upload where there is one."""

    def batch(rows: int, function_mb: float, server_mb: float) -> Batch:
        peaks = {"format function": function_mb, "model server": server_mb}
        return Batch(rows, rows, 0, 1.0, peaks, {}, 0, [])

    if not memory.is_measurable():
        pytest.skip("this system has no /proc: memory is not judged")
    first = batch(100_000, 80, 60)
    assert bulk.judge_memory(first, batch(1_000_000, 116, 74)) == []
    assert len(bulk.judge_memory(first, batch(1_000_000, 117, 74))) == 1
    assert len(bulk.judge_memory(first, batch(1_000_000, 117, 76))) == 2
    assert bulk.judge_memory(batch(1000, 60, 60), batch(10_000, 160, 160)) == []


def test_every_kind_of_fault_is_written_for_every_portfolio() -> None:
    """The same seed breaks the same rows, and each request field is broken in some of them."""
    for name in portfolio.names():
        product = portfolio.load(name)
        kinds = offers.list_faults(product)
        written = [each for _, each in offers.expect(product, 100 * len(kinds), SEED) if each]

        assert written == list(kinds)
        assert {each.name for each in product.request_fields} < {each.field for each in kinds}
