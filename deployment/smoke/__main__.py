"""Look at a deployed stack, line by line: `make smoke ENV=…`, with AWS credentials.

It reads, and sends one made-up application to each portfolio's API, whose decision is logged. No
secret is printed. Exit code 1 when a line is `failed`; `look at` lines are for a person to judge.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from deployment import environment_file, faults
from deployment.deploy import api_url, sign_in
from deployment.environment_file import BadEnvironment, Environment
from deployment.smoke import airflow, alerts, api, edges, lake, line, models, stacks, storage
from deployment.smoke.line import FAILED, Check, Deployment, Line
from deployment.stack import DeploymentFailed

CHECKS: tuple[Check, ...] = (
    stacks.stacks,
    stacks.outputs,
    stacks.concurrency,
    stacks.instances,
    storage.buckets,
    storage.object_lock,
    storage.tables,
    storage.keys,
    storage.logs,
    alerts.alarms,
    alerts.subscription,
    lake.workgroup,
    lake.catalogue,
    models.image,
    models.endpoints,
    airflow.airflow,
    edges.firewall,
    edges.flow_logs,
    edges.domain,
    api.health,
    api.closed,
    api.scores,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a line for each thing looked at; return 1 where one failed."""
    options = _parser().parse_args(arguments)
    try:
        deployed = find(options)
    except (BadEnvironment, DeploymentFailed) as fault:
        print(f"smoke: {fault}", file=sys.stderr)
        return 1
    except (BotoCoreError, ClientError) as fault:
        print(f"smoke: {faults.explain(fault)}", file=sys.stderr)
        return 1
    print(f"stack {deployed.stack} in account {deployed.account}, {deployed.region}")
    counts: Counter[str] = Counter()
    for each in look(deployed):
        counts[each.state] += 1
        print(each, flush=True)
    print(", ".join(f"{counts[state]} {state}" for state in (line.OK, FAILED, line.LOOK)))
    print("What only a person can see: docs/first-account.md")
    return 1 if counts[FAILED] else 0


def look(deployed: Deployment) -> Iterator[Line]:
    """Yield every line of every check."""
    for check in CHECKS:
        yield from line.run(check, deployed)


def find(options: argparse.Namespace) -> Deployment:
    """Return the deployment that the options name; raise DeploymentFailed where there is none."""
    environment = environment_file.load(options.env) if options.env else Environment()
    name = options.stack or environment.stack or os.environ.get("SOLVENCIA_STACK") or "solvencia"
    session, account = sign_in(environment)
    try:
        found = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as fault:
        if "does not exist" not in str(fault):
            raise
        raise DeploymentFailed(
            f"there is no stack {name} in account {account}, {session.region_name}: deploy it "
            "first, or name another by ENV or --stack"
        ) from None
    parameters = {
        each["ParameterKey"]: each["ParameterValue"] for each in found.get("Parameters", [])
    }
    outputs = {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}
    portfolios = tuple(filter(None, parameters.get("Portfolios", "").split(",")))
    url = api_url(outputs) if "ApiUrl" in outputs else ""
    return Deployment(session, account, name, portfolios, parameters, outputs, url)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployment.smoke", description=__doc__)
    parser.add_argument("--env", metavar="NAME", help="deployment/environments/NAME.toml")
    parser.add_argument("--stack", help="default: the environment's, else $SOLVENCIA_STACK")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
