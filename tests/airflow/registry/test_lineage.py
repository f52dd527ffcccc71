"""What a version was made from is on record: data, code, image, and whom it was compared with."""

from __future__ import annotations

import uuid

import boto3
import pytest

from solvencia import (
    layout,
    lineage,
    raw,
)
from solvencia_airflow import versions
from tests.airflow.registry.conftest import (
    NAME,
    NO_CHAMPION,
    PERIOD,
    TRAINING,
    facts_of,
    register,
)


def test_the_data_digest_changes_with_the_data(settings, s3):
    """Any manifest of an earlier period counts, a later one does not."""
    for period in ("2026-08", "2026-09", "2026-10"):
        raw.put_json(s3, settings.data_bucket, layout.raw_manifest(NAME, period), {"rows": 1})
    manifests = lineage.list_manifests(s3, settings.data_bucket, NAME, "2026-09")
    before = lineage.data_digest(s3, settings.data_bucket, manifests)
    raw.put_json(s3, settings.data_bucket, layout.raw_manifest(NAME, "2026-08"), {"rows": 2})

    assert manifests == [layout.raw_manifest(NAME, each) for each in ("2026-08", "2026-09")]
    assert lineage.data_digest(s3, settings.data_bucket, manifests) != before


def test_without_a_champion_the_model_meets_itself(settings):
    """Before the first deployment the evaluation reads the run's own artefact."""
    assert versions.find_champion(NAME, TRAINING) == NO_CHAMPION


def test_the_compared_champion_is_the_one_on_record(settings, evaluated, s3):
    """Whatever is live by the time of registration, the facts name what was compared with."""
    own = register({"version": "solvencia-consumer-credit-2026-09-0123456789ab", "artefact": "x"})

    earlier = facts_of(s3, settings, own)["champion_before"]
    assert earlier == "solvencia-consumer-credit-2026-09-0123456789ab"


def test_the_data_on_record_is_what_was_prepared(settings, evaluated, s3):
    """A month that is delivered anew after `prepare` changes nothing of this run's lineage."""
    before = lineage.read_sources(s3, settings.data_bucket, NAME, PERIOD)
    manifest = layout.raw_manifest(NAME, PERIOD)
    raw.put_json(s3, settings.data_bucket, manifest, {"tables": {"applicant": {}}})

    facts = facts_of(s3, settings, register())

    assert facts["lineage"]["data_digest"] == before["data_digest"]
    with pytest.raises(lineage.SourcesChanged, match="clear `clear_prepared`"):
        lineage.check_sources(s3, settings.data_bucket, NAME, PERIOD)


def test_an_image_is_named_by_the_digest_of_its_registry(aws):
    """By the registry's own where it has the tag, else by what the image says that it holds."""
    ecr = boto3.client("ecr")
    name = f"t{uuid.uuid4().hex[:8]}-model"
    uri = ecr.create_repository(repositoryName=name)["repository"]["repositoryUri"]
    pushed = ecr.put_image(repositoryName=name, imageManifest="{}", imageTag="7")["image"]

    known = lineage.image_digest(ecr, f"{uri}:7", "aa")
    nowhere = uri.replace(name, "no-model")

    assert known == pushed["imageId"]["imageDigest"]
    assert lineage.image_digest(ecr, f"{uri}:8", "aa") == "content:aa"
    assert lineage.image_digest(ecr, f"{nowhere}:7", "aa") == "content:aa"
    assert lineage.image_digest(ecr, f"{uri}:8", "") == lineage.UNKNOWN
