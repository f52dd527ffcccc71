"""The gate, the guard and the choice of applications for the smoke test."""

from __future__ import annotations

from dataclasses import replace

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from solvencia import deploy, layout
from solvencia.settings import Settings
from tests.airflow.evaluation import DIGEST, metrics

SETTINGS = Settings("solvencia", "000000000000", "us-east-1")
IMAGE = "image:1"


def test_a_model_gets_its_versions_name(product):
    """The name changes with model, image and instances, and with nothing else."""
    version = deploy.name_version(metrics(product), SETTINGS, product.name, IMAGE)

    three = replace(SETTINGS, endpoint_instances=3)
    others = [
        deploy.name_version(metrics(product), SETTINGS, product.name, "image:2"),
        deploy.name_version(metrics(product), three, product.name, IMAGE),
    ]
    again = deploy.name_version(metrics(product, auc=0.9), SETTINGS, product.name, IMAGE)
    assert version.startswith("solvencia-consumer-credit-2026-10-")
    assert again == version
    assert len({version, *others}) == 3


def test_a_poor_model_has_every_reason_against_it(product):
    """Each bound that is broken is named, and the month whose metrics were read."""
    poor = metrics(product, auc=0.61, rows=10, leakage={"debt_ratio": 0.97})

    refusals = deploy.find_refusals(poor, product, "2026-09")

    assert len(refusals) == 4
    assert refusals[0].startswith("auc 0.61 is below auc_min 0.8")
    assert refusals[1].startswith("rows 10 is below rows_min 5000")
    assert "debt_ratio" in refusals[2]
    assert refusals[-1] == "the metrics are of period 2026-10, not 2026-09"


def test_the_gate_names_model_period_and_every_reason():
    """What is mailed says which version of which month stays off the endpoint, and why."""
    facts = {
        "portfolio": "cards",
        "period": "2026-10",
        "version": "solvencia-cards-2026-10-abc",
        "status": "Rejected",
        "refusals": ["auc is low", "ece is high"],
        "approval": None,
    }

    with pytest.raises(deploy.GateRefused) as fault:
        deploy.check_gate(facts, "s3://models/versions/cards/abc/")

    for text in ("cards 2026-10", "solvencia-cards-2026-10-abc", "- auc is low", "- ece is high"):
        assert text in str(fault.value)
    assert "promote_cards" in str(fault.value)


def test_what_a_person_rejected_stays_rejected():
    """The gate of a later run names who rejected the version, and why."""
    approval = {"by": "ana", "reason": "The data of May are wrong"}
    facts = {"portfolio": "cards", "period": "2026-10", "version": "v", "status": "Rejected"}

    with pytest.raises(deploy.GateRefused, match="ana rejected it: The data of May are wrong"):
        deploy.check_gate(facts | {"refusals": [], "approval": approval}, "s3://models/v/")


@pytest.mark.parametrize("status", ["Approved", "PendingManualApproval"])
def test_the_gate_lets_others_pass(status):
    """A version that waits, or whose override stands, is not refused."""
    facts = {"status": status, "portfolio": "cards", "approval": None, "refusals": ["auc is low"]}

    deploy.check_gate(facts, "s3://models/v/")


def test_a_version_of_other_rules_is_not_put_back(product):
    """A score Lambda of today's rules must not ask a model of yesterday's."""
    deploy.check_rules(product.fingerprint, product, "v")
    with pytest.raises(deploy.RulesChanged, match="v was trained under other rules"):
        deploy.check_rules("ab" * 32, product, "v")


@pytest.mark.parametrize(
    ("live", "refused"),
    [
        ("", False),
        ("solvencia-consumer-credit-2026-09-aaaaaaaaaaaa", False),
        ("solvencia-consumer-credit-2026-10-aaaaaaaaaaaa", False),
        ("solvencia-consumer-credit-2026-10-abababababab", False),
        ("solvencia-consumer-credit-2026-11-aaaaaaaaaaaa", True),
        ("solvencia-consumer-credit-2027-01-aaaaaaaaaaaa", True),
    ],
)
def test_an_older_model_never_replaces_a_newer_one(live, refused):
    """Runs may finish in any order; only a newer period than the version's refuses it."""
    version = "solvencia-consumer-credit-2026-10-abababababab"

    assert bool(deploy.refuse_deployment(live, version)) is refused


def test_no_endpoint_is_no_obstacle(aws):
    """Before the first deployment there is nothing to compare with."""
    assert deploy.find_live(boto3.client("sagemaker"), "there-is-none") == ""


def test_the_smoke_test_takes_real_applications(s3, bucket, product, tmp_path):
    """Keys of the out-of-time test, values as they were prepared, and only what is asked for."""
    for part in range(product.split.parts):
        keys = pa.table({"application_id": pa.array([5, 9] if part == 1 else [], pa.int64())})
        pq.write_table(keys, tmp_path / "test.parquet")
        key = layout.cleaned_part(product.name, "2026-10", "test", part)
        s3.upload_file(str(tmp_path / "test.parquet"), bucket, key)
    prepared = {"application_id": [1, 5, 9], "age_years": [30, 40, 50]} | {
        field.name: [0.0, 1.0, None] for field in product.request_fields
    }
    pq.write_table(pa.table(prepared), tmp_path / "prepared.parquet")
    prefix = layout.prepared_part(product.name, "2026-10", 1)
    s3.upload_file(str(tmp_path / "prepared.parquet"), bucket, prefix + "x.parquet")

    applications = deploy.read_applications(s3, bucket, product, "2026-10", tmp_path)

    assert applications == [
        {field.name: value for field in product.request_fields} for value in (1.0, None)
    ]


def test_a_wrong_answer_of_the_endpoint_is_named():
    """Another model, a missing score, a PD of 1, or too few reasons fail the smoke test."""
    answer = {"model": {"digest": "00"}, "scores": [{"pd": 1.0, "reasons": ["R01", "R02"]}]}

    assert deploy.find_problems(answer, DIGEST, 2) == [
        f"model 00 answers, not {DIGEST}",
        "1 scores for 2 applications",
        "application 0: the PD is not between 0 and 1",
        "application 0: 2 reasons, not 3",
    ]


def test_a_right_answer_passes():
    """The evaluated model, a probability and three reasons: nothing to say."""
    score = {"pd": 0.03, "reasons": ["R01", "R02", "R03"]}

    assert deploy.find_problems({"model": {"digest": DIGEST}, "scores": [score]}, DIGEST, 1) == []
