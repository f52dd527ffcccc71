"""A version comes into the registry: facts, refusals, evidence, once for each model."""

from __future__ import annotations

import json

import boto3
import pytest

from solvencia import (
    deploy,
    layout,
    lineage,
    raw,
    registry,
    version,
)
from solvencia_airflow import approval as asking
from solvencia_airflow import versions
from tests.airflow.registry.conftest import (
    NAME,
    NO_CHAMPION,
    PERIOD,
    TRAINING,
    answered,
    facts_of,
    package_of,
    put_artefact,
    register,
)


def test_a_good_model_is_registered_with_its_lineage_and_waits(settings, evaluated, s3):
    """Metrics, digests, counts and a copy of the evaluation are kept with the version."""
    own = register()

    package, facts = package_of(settings, own), facts_of(s3, settings, own)
    prefix = layout.version_prefix(NAME, own)
    assert package.status == facts["status"] == registry.PENDING
    assert package.image == "registry/model@sha256:12"
    assert package.metadata["auc"] == "0.860000"
    assert package.metadata["period"] == PERIOD
    assert package.metadata["data_digest"] == facts["lineage"]["data_digest"]
    assert package.metadata["code_digest"] == "c0" * 32
    assert package.metadata["image_digest"] == facts["lineage"]["image_digest"] == "sha256:12"
    assert facts["lineage"]["worker_code_digest"] == lineage.code_digest(NAME)
    assert facts["lineage"]["training_job"] == "job-1"
    assert facts["lineage"]["manifests"] == [layout.raw_manifest(NAME, PERIOD)]
    assert facts["counts"] == {stage: {"rows": 3} for stage in version.STAGES}
    assert facts["approval"] is None
    assert set(raw.list_keys(s3, settings.model_bucket, prefix)) >= {
        f"{prefix}evaluation/metrics.json",
        f"{prefix}evaluation/report.json",
        f"{prefix}facts.json",
    }


def test_a_version_keeps_no_plot_of_an_earlier_evaluation(settings, evaluated, s3):
    """What a field's plot left below the same period is not the new model's."""
    prefix = layout.evaluation_prefix(NAME, PERIOD)
    for name in ("roc.png", "fairness_postcode.png"):
        s3.put_object(Bucket=settings.model_bucket, Key=prefix + name, Body=b"")

    own = register()

    kept = raw.list_keys(s3, settings.model_bucket, layout.version_prefix(NAME, own) + "evaluation")
    assert [key.rpartition("/")[2] for key in kept if key.endswith(".png")] == ["roc.png"]


def test_registering_again_finds_its_own(settings, evaluated, s3):
    """A retry or rerun gives one package, and the same facts."""
    own = register()
    before = facts_of(s3, settings, own)

    later = {**TRAINING["Training"], "TrainingJobName": "job-2"}
    later |= {"ModelArtifacts": {"S3ModelArtifacts": "s3://models/training/2/model.tar.gz"}}
    again = versions.register(NAME, PERIOD, {"Training": later}, NO_CHAMPION)

    group = settings.package_group(NAME)
    assert again == own
    assert len(registry.list_versions(boto3.client("sagemaker"), group)) == 1
    assert facts_of(s3, settings, own) == before


def test_an_evaluation_of_another_run_is_not_registered(settings, evaluated, s3):
    """An older run that goes on after a newer one would give its artefact the other's figures."""
    put_artefact(s3, "training/model.tar.gz", "cd" * 32)

    with pytest.raises(lineage.OtherModel, match=r"model cdcdcdcdcdcd, .* of abababababab"):
        register()

    group = settings.package_group(NAME)
    assert registry.list_versions(boto3.client("sagemaker"), group) == []


def test_a_refused_model_is_registered_as_rejected(settings, evaluated, s3):
    """Every reason stands in the facts and the registry, and the gate fails with them."""
    evaluated(auc=0.6, rows=10)

    own = register()

    found = boto3.client("sagemaker").describe_model_package(
        ModelPackageName=package_of(settings, own).arn
    )
    assert found["ModelApprovalStatus"] == registry.REJECTED
    assert found["CustomerMetadataProperties"]["refusals_count"] == "2"
    for reason in facts_of(s3, settings, own)["refusals"]:
        assert reason in found["ApprovalDescription"]
    with pytest.raises(deploy.GateRefused, match=f"consumer_credit {PERIOD}, {own}"):
        versions.gate(NAME, own)


def test_a_new_evaluation_takes_an_approval_back(settings, evaluated, s3, run):
    """A version that no longer passes is rejected, and nobody's approval is left on it."""
    run("ana")
    own = register()
    asking.approve(NAME, own, answered("ben"), "", is_promotion=False)
    evaluated(auc=0.6)

    register()

    facts = facts_of(s3, settings, own)
    assert facts["status"] == package_of(settings, own).status == registry.REJECTED
    assert facts["approval"] is None
    assert [each["by"] for each in facts["decisions"]] == ["ben"]
    assert "approved_by" not in package_of(settings, own).metadata


def test_the_evidence_pack_is_filed_before_and_after_the_decision(settings, evaluated, s3, run):
    """Whoever decides can read it, and then it holds the decision."""
    key = layout.evaluation_prefix(NAME, PERIOD) + "roc.png"
    s3.put_object(Bucket=settings.model_bucket, Key=key, Body=b"")
    run("ana")
    own = register()
    page = {
        "Bucket": settings.model_bucket,
        "Key": layout.version_prefix(NAME, own) + "evidence/index.html",
    }
    before = s3.get_object(**page)["Body"].read().decode()
    asking.approve(NAME, own, answered("ben"), "", is_promotion=False)

    folder = versions.file_evidence(NAME, own)

    found = s3.get_object(**page)
    after = found["Body"].read().decode()
    assert before == "PendingManualApproval None ['roc.png'] after none"
    assert after.startswith("Approved")
    assert "ben" in after
    assert found["ContentType"] == "text/html; charset=utf-8"
    assert folder == f"s3://{page['Bucket']}/{page['Key'].removesuffix('index.html')}"


def test_the_evidence_shows_the_gate_that_decided(settings, evaluated, s3):
    """An image of older bounds may have judged otherwise: facts and pages have one verdict."""
    old = {"rule": "psi_max", "refusals": ["psi was too high"]}
    evaluated(auc=0.6, gate=[old], refusals=old["refusals"])

    own = register()

    key = layout.version_prefix(NAME, own) + "evidence/index.html"
    page = s3.get_object(Bucket=settings.model_bucket, Key=key)["Body"].read().decode()
    metrics = facts_of(s3, settings, own)["metrics"]
    assert page.endswith("after none auc_min")
    assert metrics["refusals"] == facts_of(s3, settings, own)["refusals"]
    assert [each["rule"] for each in metrics["gate"] if each["refusals"]] == ["auc_min"]


def test_facts_that_another_run_has_written_are_not_overwritten(settings, evaluated, s3):
    """Whoever comes second is told so, and loses nothing of the first one's."""
    own = register()
    facts, etag = version.open_facts(s3, settings, NAME, own)
    version.write_facts(s3, settings, {**facts, "status": "of the first"}, etag)

    for stale in (etag, ""):
        with pytest.raises(version.ChangedMeanwhile, match=f"the facts of {own}"):
            version.write_facts(s3, settings, {**facts, "status": "of the second"}, stale)

    assert facts_of(s3, settings, own)["status"] == "of the first"


def test_facts_are_plain_json(settings, evaluated, s3):
    """What the evidence pack and the UI read has no value that JSON cannot hold."""
    facts = facts_of(s3, settings, register())

    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
