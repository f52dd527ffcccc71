"""The gate, the guard and the choice of applications for the smoke test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from solvencia import deploy, layout
from solvencia.settings import Settings

SETTINGS = Settings("solvencia", "000000000000", "us-east-1", model_image="image:1")
DIGEST = "ab" * 32


def metrics(product: Any, **change: Any) -> dict[str, Any]:
    model = {"digest": DIGEST, "period": "2026-10", "fingerprint": product.fingerprint}
    ages = {"impact_ratio_min": 0.78, "opportunity_difference_max": 0.17}
    return {
        "auc": 0.86,
        "ks": 0.57,
        "brier": 0.049,
        "ece": 0.005,
        "rows": 20000,
        "psi": 0.002,
        "csi": {"debt_ratio": 0.002},
        "leakage": {"debt_ratio": 0.55},
        "fairness": {"attributes": {"age_years": ages}},
        "champion": None,
        "monotone": {"checked": [], "broken": {}},
        "model": model,
    } | change


def test_a_good_model_gets_its_versions_name(product):
    """The name changes with model, image and instances, and with nothing else."""
    version = deploy.check_gate(metrics(product), SETTINGS, product, "2026-10")

    others = [
        deploy.check_gate(metrics(product), replace(SETTINGS, **change), product, "2026-10")
        for change in ({"model_image": "image:2"}, {"endpoint_instances": 3})
    ]
    again = deploy.check_gate(metrics(product, auc=0.9), SETTINGS, product, "2026-10")
    assert version.startswith("solvencia-consumer-credit-2026-10-")
    assert again == version
    assert len({version, *others}) == 3


def test_a_poor_model_is_refused_with_every_reason(product):
    """The gate names each bound that is broken, and the month whose metrics it read."""
    with pytest.raises(deploy.GateRefused) as fault:
        deploy.check_gate(metrics(product, auc=0.61, rows=10), SETTINGS, product, "2026-09")

    assert "auc 0.61 is below auc_min 0.8" in str(fault.value)
    assert "rows 10 is below rows_min 5000" in str(fault.value)
    assert "the metrics are of period 2026-10, not 2026-09" in str(fault.value)


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
