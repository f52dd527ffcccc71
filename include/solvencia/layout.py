"""Where everything lives: the one module that spells S3 keys and content-derived names.

A *period* is the data interval's calendar month, `YYYY-MM`; it keys every partition.
Keys are relative to the bucket that the stage owns (see `Settings`).
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

PORTFOLIOS = Path(__file__).parent / "portfolios"
DECLINED = "declined"  # the split of those who were declined

_PERIOD = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def period_bounds(period: str) -> tuple[date, date]:
    """Return the first day of `period` and of the month after it; ValueError if malformed."""
    if not _PERIOD.fullmatch(period):
        raise ValueError(f"{period!r} is not a period: write it as YYYY-MM, such as 2026-10")
    year, month = map(int, period.split("-"))
    return date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)


# ---- data bucket ----------------------------------------------------------------------------


def landing_prefix(portfolio: str) -> str:
    """Landing place of all of a portfolio's deliveries: where file transfers write."""
    return f"landing/{portfolio}/"


def delivery_prefix(portfolio: str, delivery: str) -> str:
    """Landing place of one bulk or file delivery; its `manifest.json` lies at the root."""
    return f"{landing_prefix(portfolio)}{delivery}/"


def raw_prefix(portfolio: str) -> str:
    """All raw tables of a portfolio: what the crawler reads."""
    return f"raw/{portfolio}/"


def raw_partition(portfolio: str, table: str, period: str) -> str:
    """One table's rows of one period."""
    return f"{raw_prefix(portfolio)}{table}/period={period}/"


def raw_manifest(portfolio: str, period: str) -> str:
    """Written last: a period without it is not there. Outside the crawler's path."""
    return f"manifests/{portfolio}/raw/period={period}.json"


def prepared_partition(portfolio: str, period: str) -> str:
    """Joined applications with matured labels; below it one `part=N/` folder per part."""
    return f"prepared/{portfolio}/period={period}/"


def prepared_part(portfolio: str, period: str, part: int) -> str:
    """One part of the prepared data: what one clean Lambda reads."""
    return f"{prepared_partition(portfolio, period)}part={part}/"


def cleaned_split(portfolio: str, period: str, split: str) -> str:
    """Cleaned rows of one split: `train`, `validation`, `test` or `declined`."""
    return f"cleaned/{portfolio}/period={period}/{split}/"


def cleaned_part(portfolio: str, period: str, split: str, part: int) -> str:
    """One cleaned Parquet object."""
    return f"{cleaned_split(portfolio, period, split)}part-{part:04d}.parquet"


def quarantine_part(portfolio: str, period: str, part: int) -> str:
    """Refused rows of one part, each with its reasons, as Parquet."""
    return f"quarantine/{portfolio}/period={period}/part-{part:04d}.parquet"


def built_prefixes(portfolio: str, period: str) -> list[str]:
    """What building a period's model writes into the data bucket, and clears before."""
    stages = ("prepared", "cleaned", "quarantine")
    return [f"{stage}/{portfolio}/period={period}/" for stage in stages]


def report(portfolio: str, period: str, stage: str) -> str:
    """Counts and checks of one stage, as JSON."""
    return f"reports/{portfolio}/period={period}/{stage}.json"


def data_docs_prefix(portfolio: str, period: str) -> str:
    """Great Expectations' Data Docs of one validation, as a static site."""
    return f"data_docs/{portfolio}/period={period}/"


def batch_inbox(portfolio: str) -> str:
    """Where a lender puts the files of its batches."""
    return f"batches/{portfolio}/inbox/"


def batch_prefix(portfolio: str, batch: str) -> str:
    """All of one batch: `batch` is the name of its execution."""
    return f"batches/{portfolio}/{batch}/"


def batch_input(portfolio: str, batch: str, name: str) -> str:
    """The input as it was handed over."""
    return f"{batch_prefix(portfolio, batch)}input/{name}"


def batch_lines(portfolio: str, batch: str) -> str:
    """Parts of JSON lines that SageMaker reads, and nothing else."""
    return f"{batch_prefix(portfolio, batch)}lines/"


def batch_refused(portfolio: str, batch: str, part: int) -> str:
    """Rows of one part that are no application at all."""
    return f"{batch_prefix(portfolio, batch)}refused/{batch_part(part)}"


def batch_output(portfolio: str, batch: str) -> str:
    """What SageMaker writes: an object for each part."""
    return f"{batch_prefix(portfolio, batch)}output/"


def batch_manifest(portfolio: str, batch: str) -> str:
    """What was formatted, and for which model; written after the last part."""
    return f"{batch_prefix(portfolio, batch)}manifest.json"


def batch_result(portfolio: str, batch: str, name: str) -> str:
    """One file of the result; `summary.json` is written last."""
    return f"{batch_prefix(portfolio, batch)}result/{name}"


def batch_part(part: int) -> str:
    """Name of one part of JSON lines."""
    return f"part-{part:05d}.jsonl"


# ---- archive bucket: the same keys as raw, so a restore is a copy back ----------------------


def archived(key: str) -> str:
    """Key of the archive copy of a raw object or manifest."""
    return key


# ---- model bucket ---------------------------------------------------------------------------


def training_output(portfolio: str, period: str) -> str:
    """Prefix under which SageMaker stores `<job name>/output/model.tar.gz`."""
    return f"training/{portfolio}/period={period}/"


def evaluation_prefix(portfolio: str, period: str) -> str:
    """The out-of-time evaluation: `metrics.json`, `report.html`, `report.json` and plots."""
    return f"evaluation/{portfolio}/period={period}/"


def version_prefix(portfolio: str, version: str) -> str:
    """What is kept of one registered version, for good: evaluation, evidence pack, approval.

    Below it lie `evaluation/` (a copy of the period's), `evidence/` (HTML pages with `index.html`)
    and `facts.json`, written last.
    """
    return f"versions/{portfolio}/{version}/"


def replay_prefix(portfolio: str, decision_id: str) -> str:
    """What came of the last replay of a decision: `replay.json`, without an applicant's value."""
    return f"replays/{portfolio}/{decision_id}/"


def notebook_output(portfolio: str) -> str:
    """Where training jobs that a notebook starts store `<job name>/output/model.tar.gz`."""
    return f"notebooks/{portfolio}/"


# ---- content-derived names ------------------------------------------------------------------


def version_name(stack: str, portfolio: str, period: str, digest: str) -> str:
    """Name of a SageMaker model and its endpoint configuration: `digest` is of its content."""
    return f"{stack}-{portfolio.replace('_', '-')}-{period}-{digest[:12]}"


def version_period(name: str) -> str:
    """Period of a model, read back from `version_name`."""
    return "-".join(name.split("-")[-3:-1])
