"""Estimate the monthly bill, from the templates' parameters and a table of list prices.

`make cost ENV=…` reads the parameters that the environment would deploy; ASSUME="--scores 100000"
changes what is assumed of the load. It asks AWS nothing and needs no account.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deployment import environment_file, templates
from deployment.environment_file import BadEnvironment, Environment
from solvencia.settings import Settings

HOURS = 730
MILLION = 1_000_000
PRICES = templates.INFRA / "prices.toml"
ZONES = 2  # subnets that every interface endpoint stands in
KEYS = 3  # data, operations, people
PORTFOLIOS = tuple(
    sorted(
        path.parent.name
        for path in (templates.INFRA.parent / "include/solvencia/portfolios").glob("*/*.toml")
        if path.stem == "portfolio"
    )
)


class NoPrice(LookupError):
    """The price table lacks what the parameters ask for."""


@dataclass(frozen=True)
class Load:
    """What is assumed of a month; sizes in gigabytes."""

    scores: int
    raw_gb: float
    archive_gb: float
    queries_gb: float
    training_hours: float
    notebook_hours: float
    workers_extra_hours: float
    flow_logs_gb: float


@dataclass(frozen=True)
class Line:
    """One line of the estimate: so much of something, at a price in dollars."""

    what: str
    amount: float
    unit: str
    price_usd: float

    @property
    def total_usd(self) -> float:
        """The line's dollars a month."""
        return self.amount * self.price_usd


class Prices:
    """A price table; a price that is not in it is named with the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.table = tomllib.loads(path.read_text(encoding="utf-8"))

    def of(self, section: str, name: str) -> float:
        """Return a price in dollars; raise NoPrice."""
        try:
            return float(self.table[section][name])
        except KeyError:
            raise NoPrice(
                f'{self.path}: [{section}] has no "{name}": add its price, or ask for another size'
            ) from None


def main(arguments: list[str] | None = None) -> int:
    """Print the estimate as a table; a fault is one message on stderr and exit code 1."""
    options = _parser().parse_args(arguments)
    load = Load(**{name: getattr(options, name) for name in Load.__dataclass_fields__})
    try:
        environment = environment_file.load(options.env) if options.env else Environment()
        prices = Prices(options.prices)
        found = list(lines(values(environment), prices, load, options))
    except (BadEnvironment, NoPrice, FileNotFoundError) as fault:
        print(f"cost: {fault}", file=sys.stderr)
        return 1
    print(table(found, prices))
    return 0


def values(environment: Environment) -> dict[str, str]:
    """Return the root template's parameters: what the environment gives, else the defaults."""
    declared = templates.read(templates.ROOT)["Parameters"]
    known = {name: str(body.get("Default", "")) for name, body in declared.items()}
    known["Portfolios"] = ",".join(environment.portfolios or PORTFOLIOS)
    return known | dict(environment.parameters)


def lines(
    given: Mapping[str, str], prices: Prices, load: Load, sizes: argparse.Namespace
) -> Iterator[Line]:
    """Yield the lines of the estimate, what runs by the hour first."""
    portfolios = len([each for each in given["Portfolios"].split(",") if each])
    millions = load.scores / MILLION
    yield Line(
        f"endpoints: {portfolios} x {sizes.endpoint_instances} {sizes.endpoint_instance}",
        portfolios * sizes.endpoint_instances * HOURS,
        "h",
        prices.of("hours", f"sagemaker.{sizes.endpoint_instance}"),
    )
    if given.get("Airflow") == "true":
        size = given.get("AirflowClass", "mw1.small")
        yield Line(f"Airflow on MWAA: {size}", HOURS, "h", prices.of("hours", f"airflow.{size}"))
        worker = prices.of("hours", f"airflow_worker.{size}")
        yield Line("Airflow: workers above one", load.workers_extra_hours, "h", worker)
    if given["InterfaceEndpoints"] == "true":
        count = endpoints(is_airflow=given.get("Airflow") == "true")
        hour = prices.of("hours", "interface_endpoint_zone")
        yield Line(f"private endpoints: {count} in {ZONES} zones", count * ZONES * HOURS, "h", hour)
    if given["Firewall"] == "true":
        rules = firewall_rules()
        yield Line("web ACL of the firewall", 1, "ACL", prices.of("months", "web_acl"))
        yield Line("rules of the firewall", rules, "rule", prices.of("months", "web_acl_rule"))
        asked = prices.of("million_requests", "firewall")
        yield Line("requests through the firewall", millions, "million", asked)
    if given["FlowLogDays"] != "0":
        taken_in = prices.of("gigabytes", "logs_taken_in")
        yield Line("flow logs, taken in", load.flow_logs_gb, "GB", taken_in)
    if given.get("Notebook") == "true":
        size = given["NotebookInstance"]
        hour = prices.of("hours", f"sagemaker.{size}")
        yield Line(f"notebook: {size}", load.notebook_hours, "h", hour)
    hour = prices.of("hours", f"sagemaker.{sizes.training_instance}")
    yield Line(f"training, evaluation: {sizes.training_instance}", load.training_hours, "h", hour)
    yield Line("data on S3", load.raw_gb, "GB", prices.of("gigabyte_months", "s3_standard"))
    flexible = prices.of("gigabyte_months", "s3_glacier_flexible")
    yield Line("archive in S3 Glacier", load.archive_gb, "GB", flexible)
    if given["ReplicaBucketArn"]:
        yield Line("copy in another region", load.archive_gb, "GB", flexible)
    yield Line("Athena, scanned", load.queries_gb, "GB", prices.of("gigabytes", "athena_scanned"))
    yield Line("API requests", millions, "million", prices.of("million_requests", "api_gateway"))
    yield Line("Lambda calls", millions, "million", prices.of("million_requests", "lambda"))
    seconds = load.scores * 0.1 * 0.5  # a tenth of a second in 512 MB
    yield Line("Lambda time", seconds, "GB s", prices.of("gigabytes", "lambda_second"))
    writes = prices.of("million_requests", "dynamodb_write")
    yield Line("decision log, writes of 3 KB", 3 * millions, "million", writes)
    yield Line("KMS calls", 2 * millions, "million", prices.of("million_requests", "kms"))
    logs = load.scores * 2 / MILLION + 1  # 2 KB a score, and a gigabyte of everything else
    yield Line("logs, taken in", logs, "GB", prices.of("gigabytes", "logs_taken_in"))
    yield Line("keys", KEYS, "key", prices.of("months", "kms_key"))
    yield Line("alarms", alarms(portfolios), "alarm", prices.of("months", "alarm"))


def endpoints(*, is_airflow: bool) -> int:
    """Return how many interface endpoints the network's template makes."""
    skipped = set() if is_airflow else {"HasAirflowEndpoints"}
    return sum(
        each["Type"] == "AWS::EC2::VPCEndpoint"
        and each["Properties"]["VpcEndpointType"] == "Interface"
        and each.get("Condition") not in skipped
        for each in templates.declared("network").values()
    )


def firewall_rules() -> int:
    """Return how many rules the firewall's template bills; a group of managed rules is one."""
    return len(templates.declared("firewall")["WebAcl"]["Properties"]["Rules"])


def alarms(portfolios: int) -> int:
    """Return how many alarms the templates make for so many portfolios."""
    return sum(
        portfolios if name in ("portfolio", "watch") else 1
        for name in templates.names()
        for each in templates.declared(name).values()
        if each["Type"] == "AWS::CloudWatch::Alarm"
    )


def table(found: list[Line], prices: Prices) -> str:
    """Return the estimate as text: dearest lines first, the sum, and where the prices are from."""
    rows = [f"{'a month':<44} {'amount':>12} {'':<8} {'price $':>10} {'$':>10}"]
    for each in sorted(found, key=lambda line: -line.total_usd):
        rows.append(
            f"{each.what:<44} {each.amount:>12,.2f} {each.unit:<8} "
            f"{each.price_usd:>10.5g} {each.total_usd:>10.2f}"
        )
    rows.append(
        f"{'together':<44} {'':>12} {'':<8} {'':>10} {sum(e.total_usd for e in found):>10.2f}"
    )
    known = prices.table
    rows.append(
        f"Prices of {known['region']}, {known['as_of']} ({prices.path.name}): {known['source']}."
    )
    rows.append(
        "Not in it: taxes, data transfer (private endpoints' too), Direct Connect, the warehouse, "
        "support, free tiers."
    )
    return "\n".join(rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployment.cost", description=__doc__)
    parser.add_argument("--env", metavar="NAME", help="deployment/environments/NAME.toml")
    parser.add_argument("--prices", type=Path, default=PRICES, help="the price table")
    for name, default, text in (
        ("scores", 100_000, "scores a month"),
        ("raw-gb", 50.0, "gigabytes of raw, prepared and cleaned data, versions included"),
        ("archive-gb", 50.0, "gigabytes in the archive"),
        ("queries-gb", 100.0, "gigabytes that Athena scans a month"),
        ("training-hours", 2.0, "hours of training and evaluation a month"),
        ("notebook-hours", 160.0, "hours for which the notebook runs"),
        ("workers-extra-hours", 0.0, "hours of Airflow's workers above the first"),
        ("flow-logs-gb", 1.0, "gigabytes of the network's flow logs a month"),
    ):
        parser.add_argument(
            f"--{name}", type=type(default), default=default, help=f"{text} (default: %(default)s)"
        )
    for name in ("endpoint_instance", "training_instance", "endpoint_instances"):
        default = getattr(Settings, name)
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(default),
            default=default,
            help=f"SOLVENCIA_{name.upper()} (default: %(default)s)",
        )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
