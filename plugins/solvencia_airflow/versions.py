"""What the tasks around a model version do: register, judge, record, file, guard, look at it live.

Nothing heavy is imported before a task runs, as every DAG file that is parsed imports this module.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

from solvencia import portfolio
from solvencia.settings import Settings
from solvencia_airflow.aws import client

log = logging.getLogger(__name__)


def find_champion(name: str, training: dict[str, Any]) -> dict[str, str]:
    """Return the live `version` and the URI of its `artefact`; the run's own where none counts.

    A model of a newer period has trained on applications that this run tests on, so a comparison
    with it says nothing; `guard` keeps the older one off the endpoint anyway.
    """
    from solvencia import deploy, layout

    sagemaker, job = client("sagemaker"), training["Training"]
    live = deploy.find_live(sagemaker, Settings.from_env().endpoint(name))
    if live and layout.version_period(live) > job["HyperParameters"]["period"]:
        live = ""
    own = str(job["ModelArtifacts"]["S3ModelArtifacts"])
    return {"version": live, "artefact": deploy.find_artefact(sagemaker, live) if live else own}


def register(name: str, period: str, training: dict[str, Any], champion: dict[str, str]) -> str:
    """Register what was evaluated, refused or not, with all that is known of it; return its name.

    `champion` is what it was compared with. `facts.json` is written last: a version without it is
    not there.
    """
    from solvencia import approval, deploy, registry, version
    from solvencia.gate import tabulate

    settings, product = Settings.from_env(), portfolio.load(name)
    s3, sagemaker = client("s3"), client("sagemaker")
    metrics = deploy.read_metrics(s3, settings.model_bucket, product, period)
    job = training["Training"]
    traced = version.trace(s3, client("ecr"), settings, name, period, job, metrics)
    own = deploy.name_version(metrics, settings, name, traced["image"])
    before, etag = version.open_facts(s3, settings, name, own)
    refusals = deploy.find_refusals(metrics, product, period)
    group = settings.package_group(name)
    found = registry.find(sagemaker, group, own)
    status = approval.first_status(refusals, before, found.status if found else None)
    version.copy_evaluation(s3, settings, name, period, own, metrics["plots"])
    package = found or registry.create(
        sagemaker,
        group,
        own,
        image=traced["image"],
        artefact=traced["artefact"],
        status=status,
        evaluation=version.folder(settings, name, own) + "evaluation/",
    )
    facts = version.assemble(
        package,
        product,
        status=status,
        refusals=refusals,
        metrics={**metrics, "gate": tabulate(metrics, product), "refusals": refusals},
        counts=version.read_counts(s3, settings, name, period),
        lineage=traced,
        champion=champion["version"],
        before=before,
    )
    registry.set_status(
        sagemaker,
        package,
        status,
        version.describe(facts),
        version.metadata(facts, settings),
        remove=() if facts["approval"] else version.APPROVAL_METADATA,
    )
    _file_evidence(s3, settings, facts)
    version.write_facts(s3, settings, facts, etag)
    log.info("%s is registered as %s: %s", own, status, package.arn)
    return own


def gate(name: str, own: str) -> None:
    """Fail with every reason when the version is registered as rejected."""
    from solvencia import deploy, version

    settings = Settings.from_env()
    facts = _facts(client("s3"), settings, name, own)
    deploy.check_gate(facts, version.folder(settings, name, own))


def find_version(name: str, own: str, reason: str) -> str:
    """Return a registered version's name, if it may be promoted under today's rules and gate."""
    from solvencia import approval, deploy, registry
    from solvencia_airflow.approval import find_owners

    settings, product = Settings.from_env(), portfolio.load(name)
    package = registry.get(client("sagemaker"), settings.package_group(name), own.strip())
    facts = _facts(client("s3"), settings, name, package.version)
    deploy.check_rules(package.metadata.get("fingerprint", ""), product, package.version)
    is_override = approval.is_override(package.status, deploy.judge(facts, product))
    approval.check_request(package.version, reason, find_owners().names, is_override)
    return package.version


def file_evidence(name: str, own: str) -> str:
    """Write the evidence pack anew, with the decision in it; return its URI."""
    from solvencia import version

    settings, s3 = Settings.from_env(), client("s3")
    _file_evidence(s3, settings, _facts(s3, settings, name, own))
    return version.folder(settings, name, own) + "evidence/"


def guard(name: str, own: str, decided: str, may_go_back: bool) -> dict[str, Any]:
    """Return what shall be deployed; nothing, which skips the rest of the run, if it must not be.

    Only an approved version is deployed. Only a promotion may replace a newer period by an older,
    or put back what a later run has replaced. `decided` is what `approve` recorded in this run.
    """
    from solvencia import deploy, registry
    from solvencia_airflow.approval import find_start

    settings, sagemaker = Settings.from_env(), client("sagemaker")
    package = registry.get(sagemaker, settings.package_group(name), own)
    live = deploy.find_live(sagemaker, settings.endpoint(name))
    refusal = "" if may_go_back else deploy.refuse_deployment(live, own)
    if live and not (may_go_back or refusal):
        since = deploy.find_live_since(sagemaker, settings.endpoint(name))
        facts = _facts(client("s3"), settings, name, own)
        refusal = deploy.refuse_return(live, since, own, find_start(), facts)
    for status in (decided, package.status):
        if status != registry.APPROVED:
            refusal = f"{own} is {status}, not {registry.APPROVED}"
    if refusal:
        log.warning("Nothing is deployed: %s.", refusal)
        return {}
    known = package.metadata
    return {
        "version": own,
        "image": package.image,
        "artefact": package.artefact,
        "period": known["period"],
        "digest": known["digest"],
        "instance_type": known["instance_type"],
        "instance_count": known["instance_count"],
    }


def smoke(name: str, wanted: dict[str, Any]) -> str:
    """Score real prepared applications on the live endpoint; return the model's digest."""
    from solvencia import deploy

    settings, product, s3 = Settings.from_env(), portfolio.load(name), client("s3")
    with tempfile.TemporaryDirectory() as scratch:
        applications = deploy.read_applications(
            s3, settings.data_bucket, product, wanted["period"], Path(scratch)
        )
    runtime = client("sagemaker-runtime")
    deploy.smoke_test(runtime, settings.endpoint(name), product, wanted["digest"], applications)
    return str(wanted["digest"])


def _facts(s3: Any, settings: Settings, name: str, own: str) -> dict[str, Any]:
    from solvencia import version

    facts = version.read_facts(s3, settings, name, own)
    if facts is None:
        raise version.NotWhole(name, own)
    return facts


def _file_evidence(s3: Any, settings: Settings, facts: dict[str, Any]) -> None:
    from solvencia.evidence import filing

    filing.file_evidence(s3, settings, facts, portfolio.load(facts["portfolio"]))
