"""The samples that ship, one module each: real public data, laid out as a lender's tables."""

from __future__ import annotations

from collections.abc import Mapping

from local.samples import consumer_credit, german_loans, pakdd_cards
from local.samples.sample import Sample

SAMPLES: Mapping[str, Sample] = {
    each.SAMPLE.portfolio: each.SAMPLE for each in (consumer_credit, german_loans, pakdd_cards)
}
