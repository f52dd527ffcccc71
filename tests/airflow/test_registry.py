"""A version's way through the registry: registered, refused, decided on, guarded."""

from __future__ import annotations

import io
import json
import re
import tarfile
import urllib.request
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from solvencia import (
    approval,
    deploy,
    evidence,
    layout,
    lineage,
    portfolio,
    raw,
    registry,
    version,
)
from solvencia.settings import Settings
from solvencia_airflow import approval as asking
from solvencia_airflow import versions

NAME = "consumer_credit"
PERIOD = "2026-10"
LONG = "The branch needs it until June"


@pytest.fixture
def settings(aws: str, s3: Any, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A deployment of its own: empty buckets and an empty package group."""
    stack = f"s{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("SOLVENCIA_STACK", stack)
    found = Settings.from_env()
    for bucket in (found.data_bucket, found.model_bucket):
        s3.create_bucket(Bucket=bucket)
    boto3.client("sagemaker").create_model_package_group(
        ModelPackageGroupName=found.package_group(NAME), ModelPackageGroupDescription="Cards"
    )
    boto3.client("sns").create_topic(Name=f"{stack}-alerts")
    return found


@pytest.fixture
def evaluated(settings: Settings, s3: Any, product: Any) -> Any:
    """Lays down what train and evaluate leave; metrics may be changed and laid down again."""
    raw.put_json(s3, settings.data_bucket, layout.raw_manifest(NAME, PERIOD), {"tables": {}})
    lineage.note_sources(s3, settings.data_bucket, NAME, PERIOD)
    for stage in version.STAGES:
        raw.put_json(s3, settings.data_bucket, layout.report(NAME, PERIOD, stage), {"rows": 3})

    def lay_down(**change: Any) -> dict[str, Any]:
        model = {"digest": "ab" * 32, "period": PERIOD, "fingerprint": product.fingerprint}
        ages = {"impact_ratio_min": 0.78, "opportunity_difference_max": 0.17}
        metrics = {
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
            "plots": ["roc.png"],
        } | change
        prefix = layout.evaluation_prefix(NAME, PERIOD)
        for name in ("metrics.json", "report.json"):
            raw.put_json(s3, settings.model_bucket, prefix + name, metrics)
        return metrics

    for part in ("", "2/"):
        put_artefact(s3, f"training/{part}model.tar.gz", "ab" * 32)
    lay_down()
    return lay_down


def put_artefact(s3: Any, key: str, digest: str) -> None:
    """Store what a training job leaves, as far as it is looked into."""
    body = io.BytesIO()
    files: dict[str, Any] = {
        "./challengers/scorecard/model.json": {"digest": "another"},
        "./model.json": {"digest": digest},
        "./provenance.json": {"code_digest": "c0" * 32, "content_digest": "c1" * 32},
    }
    with tarfile.open(fileobj=body, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(json.dumps(content))
            archive.addfile(member, io.BytesIO(json.dumps(content).encode()))
    s3.create_bucket(Bucket="models")
    s3.put_object(Bucket="models", Key=key, Body=body.getvalue())


@pytest.fixture(autouse=True)
def pack(monkeypatch: pytest.MonkeyPatch) -> None:
    """One page stands for the evidence pack, whose facts come from a whole evaluation."""

    def build(
        facts: Any, report: Any, portfolio: Any, pictures: Any, champion: Any
    ) -> dict[str, str]:
        earlier = champion["version"] if champion else "none"
        page = f"{facts['status']} {facts['approval']} {sorted(pictures)} after {earlier}"
        page += "".join(f" {each['rule']}" for each in report["gate"] if each["refusals"])
        return {"index.html": page}

    monkeypatch.setattr(evidence, "build", build)


TRAINING = {
    "Training": {
        "TrainingJobName": "job-1",
        "AlgorithmSpecification": {"TrainingImage": "registry/model@sha256:12"},
        "ModelArtifacts": {"S3ModelArtifacts": "s3://models/training/model.tar.gz"},
    }
}


NO_CHAMPION = {"version": "", "artefact": "s3://models/training/model.tar.gz"}


def register(champion: dict[str, str] = NO_CHAMPION) -> str:
    return versions.register(NAME, PERIOD, TRAINING, champion)


def facts_of(s3: Any, settings: Settings, own: str) -> dict[str, Any]:
    found = version.read_facts(s3, settings, NAME, own)
    assert found
    return found


def package_of(settings: Settings, own: str) -> registry.Package:
    return registry.get(boto3.client("sagemaker"), settings.package_group(NAME), own)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a task into a run that someone started."""

    def start(user: str | None, dag_id: str = "build_model", run_id: str = "r1") -> dict[str, Any]:
        dag_run = SimpleNamespace(
            triggering_user_name=user,
            dag_id=dag_id,
            run_id=run_id,
            run_after=datetime(2026, 11, 1, tzinfo=UTC),
        )
        context = {"dag_run": dag_run, "triggering_asset_events": {}}
        monkeypatch.setattr(asking, "get_current_context", lambda: context)
        return context

    return start


def answered(by: str, choice: str = "Approve", reason: str = LONG) -> dict[str, Any]:
    """What Airflow hands over when someone has answered."""
    return {
        "chosen_options": [choice],
        "params_input": {"reason": reason},
        "responded_at": datetime(2026, 11, 2, 10, tzinfo=UTC),
        "responded_by_user": {"id": by, "name": by},
    }


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


def test_an_approval_is_recorded_with_who_when_and_why(settings, evaluated, s3, run):
    """Registry and facts say the same, whatever characters the reason has."""
    run("ana")
    own = register()

    decided = asking.approve(
        NAME, own, answered("ben", reason='Reviewed, "ok" (v2)'), "", is_promotion=False
    )

    package, facts = package_of(settings, own), facts_of(s3, settings, own)
    assert decided == package.status == facts["status"] == registry.APPROVED
    assert package.metadata["approved_by"] == "ben"
    assert package.metadata["approved_at"] == "2026-11-02T10:00:00+00:00"
    assert package.metadata["approval"] == "by a person"
    assert package.metadata["reason"] == "Reviewed ok v2"
    assert facts["approval"]["reason"] == 'Reviewed, "ok" (v2)'
    assert facts["approval"]["triggered_by"] == "ana"


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


def test_a_rejection_keeps_the_version_off(settings, evaluated, run):
    """What a person rejects is skipped by the guard, and refused by the gate of a rerun."""
    run("ana")
    own = register()

    decided = asking.approve(NAME, own, answered("ben", "Reject"), "", is_promotion=False)

    register()
    assert versions.guard(NAME, own, decided, may_go_back=False) == {}
    with pytest.raises(deploy.GateRefused, match="ben rejected it"):
        versions.gate(NAME, own)


def test_a_promotion_that_is_turned_down_changes_no_status(settings, evaluated, s3, run):
    """The version stays approved, yet this run deploys nothing; the refusal is listed."""
    run("ana")
    own = register()
    asking.approve(NAME, own, answered("eva"), "", is_promotion=False)
    run("ana", "promote", "p1")

    decided = asking.approve(NAME, own, answered("ben", "Reject"), LONG, is_promotion=True)

    facts = facts_of(s3, settings, own)
    assert package_of(settings, own).status == facts["status"] == registry.APPROVED
    assert facts["decisions"][-1]["status"] == registry.REJECTED
    assert versions.guard(NAME, own, decided, may_go_back=True) == {}


def test_an_override_takes_a_second_person(settings, evaluated, s3, run, monkeypatch):
    """Even where approval is automatic; owner and short reasons are refused, another passes."""
    monkeypatch.setenv("SOLVENCIA_APPROVAL", "automatic")
    evaluated(auc=0.6)
    own = register()
    context = run("ana", "promote", "p1")
    ask = asking.AskOperator(
        task_id="ask",
        portfolio=NAME,
        version=own,
        requested=LONG,
        is_promotion=True,
        params={"reason": asking.REASON},
    )
    with pytest.raises(approval.AnswerRefused, match="at least 20 characters"):
        versions.find_version(NAME, own, "please")
    assert versions.find_version(NAME, own, LONG) == own
    with pytest.raises(approval.AnswerRefused, match="ana started this run"):
        ask.execute_complete(context, answered("ana"))
    with pytest.raises(approval.AnswerRefused, match="at least 20 characters"):
        ask.execute_complete(context, answered("ben", reason="ok"))

    answer = ask.execute_complete(context, answered("ben"))
    decided = asking.approve(NAME, own, answer, LONG, is_promotion=True)

    facts = facts_of(s3, settings, own)
    assert facts["approval"]["mode"] == "override"
    assert facts["approval"]["reason"] == f"{LONG} (ana); {LONG} (ben)"
    assert package_of(settings, own).metadata["approval"] == "override"
    wanted = versions.guard(NAME, own, decided, may_go_back=True)
    assert wanted["version"] == own
    assert wanted["artefact"] == "s3://models/training/model.tar.gz"
    assert (wanted["instance_type"], wanted["instance_count"]) == ("ml.m5.large", "2")


def test_nobody_is_asked_where_approval_is_automatic(settings, evaluated, run, monkeypatch):
    """The task ends at once, and the record says that no person approved."""
    monkeypatch.setenv("SOLVENCIA_APPROVAL", "automatic")
    own = register()
    ask = asking.AskOperator(
        task_id="ask", portfolio=NAME, version=own, requested="", is_promotion=False
    )

    answer = ask.execute(run(None))

    assert answer is None
    asking.approve(NAME, own, answer, "", is_promotion=False)
    assert package_of(settings, own).metadata["approval"] == "automatic"
    assert package_of(settings, own).metadata["approved_by"] == "automatic"


@pytest.mark.parametrize("setting", ["automatic", "manual"])
def test_a_build_whose_gate_was_marked_as_passed_goes_no_further(
    settings, evaluated, run, monkeypatch, setting
):
    """What the gate refused is neither asked about nor approved there, by whatever setting."""
    monkeypatch.setenv("SOLVENCIA_APPROVAL", setting)
    evaluated(auc=0.6)
    own = register()
    ask = asking.AskOperator(
        task_id="ask", portfolio=NAME, version=own, requested="", is_promotion=False
    )

    with pytest.raises(approval.AnswerRefused, match="trigger promote"):
        ask.execute(run("ana"))
    with pytest.raises(approval.AnswerRefused, match="nobody was asked"):
        asking.approve(NAME, own, None, "", is_promotion=False)
    assert package_of(settings, own).status == registry.REJECTED


def test_what_was_rejected_after_nobody_was_asked_is_not_approved(
    settings, evaluated, s3, run, monkeypatch
):
    """The decision is on the version as it stands then, also for a rollback."""
    monkeypatch.setenv("SOLVENCIA_APPROVAL", "automatic")
    run("ana")
    own = register()
    registry.set_status(
        boto3.client("sagemaker"), package_of(settings, own), registry.REJECTED, "by hand", {}
    )

    for is_promotion in (False, True):
        with pytest.raises(approval.AnswerRefused, match="has status Rejected"):
            asking.approve(NAME, own, None, LONG, is_promotion=is_promotion)
    assert facts_of(s3, settings, own)["decisions"] == []


def test_a_retry_of_an_override_leaves_its_record(settings, evaluated, s3, run):
    """The same answer, recorded by the same run, stays what it was: an override."""
    run("ana")
    own = register()
    asking.approve(NAME, own, answered("ben", "Reject"), "", is_promotion=False)
    run("ana", "promote", "p1")
    asking.approve(NAME, own, answered("eva"), LONG, is_promotion=True)
    before = facts_of(s3, settings, own)

    decided = asking.approve(NAME, own, answered("eva"), LONG, is_promotion=True)

    assert before["approval"]["mode"] == "override"
    assert decided == registry.APPROVED
    assert facts_of(s3, settings, own) == before


def test_a_version_is_promoted_by_todays_bounds(settings, evaluated, s3, run, monkeypatch):
    """An approval of looser bounds is no rollback any more: it takes an override."""
    run("ana")
    own = register()
    asking.approve(NAME, own, answered("ben"), "", is_promotion=False)
    product = portfolio.load(NAME)
    tightened = replace(product, gate=replace(product.gate, auc_min=0.9))
    monkeypatch.setattr(portfolio, "load", lambda name: tightened)
    monkeypatch.setenv("SOLVENCIA_APPROVAL", "automatic")
    run("ana", "promote", "p1")

    with pytest.raises(approval.AnswerRefused, match="refused by today's gate"):
        versions.find_version(NAME, own, "back")
    with pytest.raises(approval.AnswerRefused, match="1 refusals of the gate"):
        asking.approve(NAME, own, None, LONG, is_promotion=True)
    asking.approve(NAME, own, answered("eva", "Reject"), LONG, is_promotion=True)
    assert facts_of(s3, settings, own)["refusals"] == []
    run("ana", "promote", "p2")
    asking.approve(NAME, own, answered("eva"), LONG, is_promotion=True)

    facts = facts_of(s3, settings, own)
    assert facts["approval"]["mode"] == "override"
    assert "below auc_min 0.9" in facts["refusals"][0]
    assert package_of(settings, own).metadata["refusals_count"] == "1"


def test_a_rejection_is_mailed(settings, evaluated, aws, run):
    """Whoever reads the alerts learns which version, by whom and why."""
    topic, address = settings.alerts_topic_arn, f"{settings.stack}@example.com"
    boto3.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint=address)
    run("ana")
    own = register()

    asking.approve(NAME, own, answered("ben", "Reject"), "", is_promotion=False)

    def read(path: str) -> str:
        return urllib.request.urlopen(aws + path).read().decode()

    pages = [read(each) for each in re.findall(r'href="(/_mailbox/[^"]+)"', read("/_mailbox"))]
    (mail,) = [each for each in pages if address in each]
    for text in (own, "ben", LONG, "a person rejected a model of consumer_credit"):
        assert text in mail


def test_an_older_run_puts_nothing_back_by_itself(settings, evaluated, run, monkeypatch):
    """Of two versions of a period the one that went live later stays, unless a person promotes."""
    run("ana")
    own = register()
    decided = asking.approve(NAME, own, answered("ben"), "", is_promotion=False)
    other = f"{own[:-12]}0123456789ab"
    monkeypatch.setattr(deploy, "find_live", lambda sagemaker, endpoint: other)
    for later, is_refused in (("2026-11-02T10:00:01", True), ("2026-11-02T10:00:00", False)):
        since = datetime.fromisoformat(later).replace(tzinfo=UTC)
        monkeypatch.setattr(deploy, "find_live_since", lambda *_, since=since: since)

        assert (versions.guard(NAME, own, decided, may_go_back=False) == {}) is is_refused
        assert versions.guard(NAME, own, decided, may_go_back=True)["version"] == own


def test_an_unknown_or_unfinished_version_is_not_promoted(settings, evaluated, s3, run):
    """The error lists what there is, or says which task to clear."""
    run("ana")
    own = register()
    with pytest.raises(registry.UnknownVersion, match=f"the newest are {own}"):
        versions.find_version(NAME, "nowhere", "")
    key = layout.version_prefix(NAME, own) + "facts.json"
    s3.delete_object(Bucket=settings.model_bucket, Key=key)

    with pytest.raises(version.NotWhole, match="clear the task `register`"):
        versions.find_version(NAME, own, "")


def test_the_data_digest_changes_with_the_data(settings, s3):
    """Any manifest of an earlier period counts, a later one does not."""
    for period in ("2026-08", "2026-09", "2026-10"):
        raw.put_json(s3, settings.data_bucket, layout.raw_manifest(NAME, period), {"rows": 1})
    manifests = lineage.list_manifests(s3, settings.data_bucket, NAME, "2026-09")
    before = lineage.data_digest(s3, settings.data_bucket, manifests)
    raw.put_json(s3, settings.data_bucket, layout.raw_manifest(NAME, "2026-08"), {"rows": 2})

    assert manifests == [layout.raw_manifest(NAME, each) for each in ("2026-08", "2026-09")]
    assert lineage.data_digest(s3, settings.data_bucket, manifests) != before


def test_whose_data_started_a_run_may_not_approve_it(run):
    """A build that an asset started belongs to the person whose ingest updated the asset."""
    context = run(None)
    source = SimpleNamespace(triggering_user_name="ana")
    event = SimpleNamespace(source_dag_run=source, source_dag_id="ingest", source_run_id="r0")
    context["triggering_asset_events"] = {"cards_catalogued": [event]}

    owners = asking.find_owners(context)

    assert owners.names == ("ana",)
    assert owners.text == "the data of ingest r0 (ana)"


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


def test_facts_that_another_run_has_written_are_not_overwritten(settings, evaluated, s3):
    """Whoever comes second is told so, and loses nothing of the first one's."""
    own = register()
    facts, etag = version.open_facts(s3, settings, NAME, own)
    version.write_facts(s3, settings, {**facts, "status": "of the first"}, etag)

    for stale in (etag, ""):
        with pytest.raises(version.ChangedMeanwhile, match=f"the facts of {own}"):
            version.write_facts(s3, settings, {**facts, "status": "of the second"}, stale)

    assert facts_of(s3, settings, own)["status"] == "of the first"


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


def test_facts_are_plain_json(settings, evaluated, s3):
    """What the evidence pack and the UI read has no value that JSON cannot hold."""
    facts = facts_of(s3, settings, register())

    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
