"""Deploy Solvencia: upload the artefacts, then create or update the stack; nothing where no change.

Run it as `python -m deployment.deploy` after `python -m deployment.package`, with AWS credentials
and a region in the environment. AWS_ENDPOINT_URL alone makes it deploy to an embedded AWS.
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

from deployment.artefacts import Artefacts, MissingArtefact
from deployment.stack import DeploymentFailed, Stack

ROOT = Path(__file__).resolve().parent.parent


def main(arguments: list[str] | None = None) -> int:
    """Deploy and write the outputs file; a fault is one message on stderr and exit code 1."""
    options = _parser().parse_args(arguments)
    started = time.monotonic()
    try:
        outputs = deploy(options)
    except (DeploymentFailed, MissingArtefact) as fault:
        print(f"deploy: {fault}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as fault:
        print(f"deploy: AWS refused: {fault}", file=sys.stderr)
        print(
            "deploy: check the credentials, AWS_DEFAULT_REGION and the quota it names",
            file=sys.stderr,
        )
        return 1
    _write_private(options.outputs, outputs)
    _say(
        f"{outputs['api_url']} is up, {os.path.relpath(options.outputs)} written, "
        f"{time.monotonic() - started:.1f} s"
    )
    return 0


def deploy(options: argparse.Namespace) -> dict[str, str]:
    """Bring the stack to what the options and the artefacts say; return its outputs."""
    session = boto3.Session()
    if not session.region_name:
        raise DeploymentFailed("no region: set AWS_DEFAULT_REGION")
    account = session.client("sts").get_caller_identity()["Account"]
    bucket = f"{options.stack}-code-{account}-{session.region_name}"
    artefacts = Artefacts(session.client("s3"), bucket, session.region_name, _say)
    artefacts.create_bucket()
    keys = artefacts.upload_zips(options.dist)
    prefix = artefacts.upload_templates(options.templates)
    wanted = {
        "CodeBucket": bucket,
        "TemplatesPrefix": prefix,
        **{f"{Path(name).stem.title()}CodeKey": key for name, key in keys.items()},
        "Portfolios": ",".join(options.portfolio or portfolio_names()),
        **_given(options),
    }
    stack = Stack(session.client("cloudformation"), options.stack, _say)
    found = stack.deploy(artefacts.url(f"{prefix}/solvencia.yaml"), wanted)
    return _environment(found, session)


def portfolio_names() -> list[str]:
    """Return the names of all portfolio folders, sorted."""
    folder = ROOT / "include" / "solvencia" / "portfolios"
    return sorted(path.parent.name for path in folder.glob("*/portfolio.toml"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployment.deploy", description=__doc__)
    parser.add_argument("--stack", default=os.environ.get("SOLVENCIA_STACK", "solvencia"))
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
    environment = {
        re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper(): value
        for name, value in found.items()
        if name.startswith("Solvencia")
    }
    key = session.client("apigateway").get_api_key(apiKey=found["ApiKeyId"], includeValue=True)
    return {
        **environment,
        "AWS_DEFAULT_REGION": session.region_name,
        "api_url": _api_url(found),
        "api_key": key["value"],
    }


def _api_url(found: Mapping[str, str]) -> str:
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
