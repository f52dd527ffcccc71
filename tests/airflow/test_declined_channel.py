"""Which jobs read the declined applications."""

from __future__ import annotations

import dataclasses

import pytest

from solvencia.portfolio import Field
from solvencia.settings import Settings
from solvencia_airflow import jobs

PERIOD = "2026-10"
SETTINGS = Settings(stack="solvencia", account="000000000000", region="us-east-1")


@pytest.fixture
def keeping(product):
    """The portfolio, had it kept the applications that it declined."""
    decision = Field("is_approved", "decision", "integer", minimum=0, maximum=1)
    return dataclasses.replace(product, fields={**product.fields, decision.name: decision})


def inputs(product):
    """Return the channels of the training job and the inputs of the evaluation, by name."""
    channels = jobs.training(SETTINGS, product, PERIOD)["InputDataConfig"]
    given = jobs.evaluation(SETTINGS, product, PERIOD)["ProcessingInputs"]
    return (
        {each["ChannelName"]: each["DataSource"]["S3DataSource"]["S3Uri"] for each in channels},
        {each["InputName"]: each["S3Input"]["S3Uri"] for each in given},
    )


def test_declined_applications_are_read_where_they_train(keeping):
    """Switched on, training and evaluation read them; the test's folder is another one."""
    method = {"reject_inference": "parcelling", "declined_odds_factor": 1.5}
    inferring = dataclasses.replace(
        keeping, modelling=dataclasses.replace(keeping.modelling, **method)
    )

    channels, given = inputs(inferring)

    assert list(channels) == ["train", "validation", "declined"]
    assert channels["declined"].endswith("/cleaned/consumer_credit/period=2026-10/declined/")
    assert given["declined"] == channels["declined"] != given["test"]


def test_switched_off_no_job_reads_them(keeping, product):
    """A portfolio that only keeps declined applications trains as one that does not."""
    assert inputs(keeping) == inputs(product)
    assert list(inputs(keeping)[0]) == ["train", "validation"]
