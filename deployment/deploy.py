"""Deploy Solvencia: upload the artefacts, then create or update the stack; nothing where no change.

Run it as `make deploy ENV=…`, with AWS credentials in the environment. It shows the change set and
asks before it acts. AWS_ENDPOINT_URL alone makes it deploy to an embedded AWS.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from deployment import (
    airflow_files,
    change_set,
    environment_file,
    faults,
    notebook_files,
    replica,
)
from deployment.artefacts import Artefacts, MissingArtefact
from deployment.environment_file import BadEnvironment, Environment
from deployment.stack import DeploymentFailed, Stack

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str] | None = None) -> int:
    """Deploy and write the outputs file; a fault is one message on stderr and exit code 1."""
    options = _parser().parse_args(arguments)
    started = time.monotonic()
    try:
        outputs = deploy(options)
    except (BadEnvironment, DeploymentFailed, MissingArtefact, change_set.NotConfirmed) as fault:
        print(f"deploy: {fault}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as fault:
        print(f"deploy: {faults.explain(fault)}", file=sys.stderr)
        return 1
    _write_private(options.outputs, outputs)
    _say(
        f"{outputs['api_url']} is up, {os.path.relpath(options.outputs)} written, "
        f"{time.monotonic() - started:.1f} s"
    )
    return 0


def deploy(options: argparse.Namespace) -> dict[str, str]:
    """Bring the stack to what the options and the artefacts say; return its outputs."""
    environment = environment_file.load(options.env) if options.env else Environment()
    name = options.stack or environment.stack or os.environ.get("SOLVENCIA_STACK") or "solvencia"
    session, account = sign_in(environment)
    bucket = code_bucket(name, account, session.region_name)
    artefacts = Artefacts(session.client("s3"), bucket, session.region_name, _say)
    artefacts.create_bucket()
    keys = artefacts.upload_zips(options.dist)
    prefix = artefacts.upload_templates(options.templates)
    chosen = options.portfolio or environment.portfolios or portfolio_names()
    given = {**environment.parameters, **_given(options)}
    stack = Stack(
        session.client("cloudformation"),
        name,
        _say,
        lambda what: change_set.confirm(what, is_agreed=options.yes),
        options.give_up,
    )
    template = {"TemplateURL": artefacts.url(f"{prefix}/solvencia.yaml")}
    declared = stack.declared(template)
    if unknown := sorted(given.keys() - declared):
        raise DeploymentFailed(
            f"{', '.join(unknown)}: no parameter of infra/solvencia.yaml, which has "
            f"{', '.join(sorted(declared))}"
        )
    wanted = {
        "CodeBucket": bucket,
        "TemplatesPrefix": prefix,
        **{f"{Path(zip_name).stem.title()}CodeKey": key for zip_name, key in keys.items()},
        "Portfolios": ",".join(chosen),
        **given,
    }
    if options.bundles and "ModelSourceKey" in declared:
        digest = airflow_files.recorded(options.bundles, "model-source.zip")
        wanted["ModelSourceKey"] = f"model/source-{digest[:16]}.zip"
        artefacts.upload_file(options.bundles / "model-source.zip", wanted["ModelSourceKey"])
    planned = {**stack.parameters(), **wanted}
    if notebook_files.is_wanted(planned):
        if not options.bundles:
            raise DeploymentFailed("a notebook needs its files: give --bundles (make deploy does)")
        notebook_files.upload(artefacts, options.bundles, planned)
    region = options.replica_region or environment.replica_region
    if region:
        copies = options.templates / "replica.yaml"
        wanted |= replica.deploy(session, name, region, copies, given, _say, stack.agree)
    return _environment(_deploy_both(stack, template, wanted, artefacts, options), session)


def _deploy_both(
    stack: Stack,
    template: Mapping[str, str],
    wanted: Mapping[str, str],
    artefacts: Artefacts,
    options: argparse.Namespace,
) -> dict[str, str]:
    """Deploy all but Airflow, then Airflow, whose workers are told what the rest gave."""
    before = stack.parameters()
    if {**before, **wanted}.get("Airflow") != "true":
        return stack.deploy(template, wanted)
    if not options.bundles:
        raise DeploymentFailed("Airflow needs its files: give --bundles (make deploy does)")
    first = {key: value for key, value in wanted.items() if key != "Airflow"}
    found = stack.deploy(template, {"Airflow": before.get("Airflow", "false"), **first})
    prefix = airflow_files.upload(artefacts, options.bundles, _settings(found))
    return stack.deploy(template, {**wanted, "Airflow": "true", "AirflowPrefix": prefix})


def sign_in(environment: Environment) -> tuple[Any, str]:
    """Return a session and its account; raise DeploymentFailed where it is not the one meant."""
    session = boto3.Session(region_name=environment.region or None)
    if not session.region_name:
        raise DeploymentFailed("no region: set AWS_DEFAULT_REGION, or `region` in the file of ENV")
    account = str(session.client("sts").get_caller_identity()["Account"])
    if environment.account and account != environment.account:
        raise DeploymentFailed(
            f"the credentials are of account {account}, but the environment's file names "
            f"{environment.account}: sign in to that one"
        )
    return session, account


def code_bucket(stack: str, account: str, region: str) -> str:
    """Return the bucket of zips and templates, which is there before the stack is."""
    return f"{stack}-code-{account}-{region}"


def portfolio_names() -> list[str]:
    """Return the names of all portfolio folders, sorted."""
    folder = ROOT / "include" / "solvencia" / "portfolios"
    return sorted(path.parent.name for path in folder.glob("*/portfolio.toml"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployment.deploy", description=__doc__)
    parser.add_argument("--env", metavar="NAME", help="deployment/environments/NAME.toml")
    parser.add_argument("--stack", help="default: the environment's, else $SOLVENCIA_STACK")
    parser.add_argument("--yes", action="store_true", help="act without asking")
    parser.add_argument(
        "--give-up",
        action="extend",
        nargs="+",
        default=[],
        metavar="PATH",
        help="replace or remove this resource although it holds data; as the change set names it",
    )
    parser.add_argument("--bundles", type=Path, help="what MWAA and CodeBuild take: build/bundles")
    parser.add_argument(
        "--replica-region", metavar="REGION", help="that archive and models are copied to"
    )
    parser.add_argument(
        "--portfolio", action="append", metavar="NAME", help="repeat it; default: every portfolio"
    )
    parser.add_argument("--alert-email", help="address that every alert is mailed to")
    parser.add_argument(
        "--agent-activation-key", help="of the DataSync agent beside the lender's file server"
    )
    parser.add_argument(
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other parameter of infra/solvencia.yaml; what is not given stays as it is",
    )
    parser.add_argument("--dist", type=Path, default=ROOT / "build" / "dist", help="the zips")
    parser.add_argument("--templates", type=Path, default=ROOT / "infra")
    parser.add_argument("--outputs", type=Path, default=ROOT / "build" / "stack.json")
    return parser


def _given(options: argparse.Namespace) -> dict[str, str]:
    given = {
        "AlertEmail": options.alert_email,
        "AgentActivationKey": options.agent_activation_key,
    }
    for text in options.parameter:
        name, separator, value = text.partition("=")
        if not separator:
            raise DeploymentFailed(f"--parameter {text}: write it as NAME=VALUE")
        given[name] = value
    return {name: value for name, value in given.items() if value is not None}


def _environment(found: Mapping[str, str], session: Any) -> dict[str, str]:
    """Return SOLVENCIA_* for Settings, the region, and the API's address and key."""
    key = session.client("apigateway").get_api_key(apiKey=found["ApiKeyId"], includeValue=True)
    return {
        **_settings(found),
        "AWS_DEFAULT_REGION": session.region_name,
        "api_url": api_url(found),
        "api_key": key["value"],
    }


def _settings(found: Mapping[str, str]) -> dict[str, str]:
    """Return the outputs that are settings: SolvenciaSubnets is SOLVENCIA_SUBNETS."""
    return {
        re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper(): value
        for name, value in found.items()
        if name.startswith("Solvencia")
    }


def api_url(found: Mapping[str, str]) -> str:
    """Return the stage's address; another endpoint than AWS's serves it below a path of its own."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if endpoint is None:
        return found["ApiUrl"]
    return f"{endpoint}/restapis/{found['ApiId']}/{found['ApiStage']}/_user_request_"


def _write_private(path: Path, outputs: Mapping[str, str]) -> None:
    """Write the outputs readable by their owner alone, as the API key is among them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(json.dumps(outputs, indent=2, sort_keys=True) + "\n")
    partial.replace(path)


def _say(line: str) -> None:
    print(f"deploy: {line}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
