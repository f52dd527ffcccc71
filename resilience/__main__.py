"""`make fuzz`, `make storm`, `make bulk`: start a stack of their own, try it, print the outcome."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

from local.place import Place, here
from resilience import bodies, bulk, fuzz, service, skew, storm, table
from resilience.cloud import Cloud, CloudFault, Say, running
from solvencia import portfolio

PORTFOLIO = "consumer_credit"
SEED, SKEW_ROWS, ROWS_MIN = 20261124, 500, 1000


def main() -> int:
    """Run one command; exit 1 when it finds a fault."""
    parser = argparse.ArgumentParser(prog="python -m resilience", description=__doc__)
    parser.add_argument("command", choices=["fuzz", "storm", "bulk"])
    parser.add_argument("--bodies", type=int, default=100_000, help="against the function")
    parser.add_argument("--requests", type=int, help="by HTTP (default: 2,000, storm 10,000)")
    parser.add_argument("--clients", type=int, default=100, help="of a storm, at a time")
    parser.add_argument(
        "--rows", type=int, default=1_000_000, help="of a bulk batch, 1,000 or more"
    )
    parser.add_argument("--portfolio", choices=portfolio.names(), default=PORTFOLIO, help="of bulk")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args()
    if options.rows < ROWS_MIN:
        parser.error(f"--rows: must be at least {ROWS_MIN}, of which a tenth comes first")
    place, started = here(), time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - started:5.0f} s] {text}", flush=True)

    try:
        with running(place, say) as cloud:
            command = {"fuzz": _fuzz, "storm": _storm, "bulk": _bulk}[options.command]
            faults = command(place, cloud, options, say)
    except CloudFault as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    say(f"{faults} fault(s)")
    return 1 if faults else 0


def _fuzz(place: Place, cloud: Cloud, options: argparse.Namespace, say: Say) -> int:
    """Try each portfolio for skew and with bodies, one by HTTP, and have schemathesis ask."""
    names = portfolio.names()
    faults = 0
    for name in names:
        asked, differing = skew.measure(
            place, cloud, service.put_in_service(cloud, name, 1, say), SKEW_ROWS
        )
        say(f"{asked:,} training rows of {name} through the API, {len(differing)} not as in batch")
        faults += len(differing)
    os.environ.update(cloud.environment())
    handler = fuzz.load_handler(place.root)
    share, longest = options.bodies // len(names), bodies.TEN_MEGABYTES
    for name in names:
        count = options.bodies - share * (len(names) - 1) if name == PORTFOLIO else share
        product = portfolio.load(name)
        tally = fuzz.against_handler(cloud, handler, product, count, options.seed, longest)
        say(f"{tally.attempts:,} bodies against the function, {name}, {tally.seconds:.0f} s")
        print("\n".join(tally.lines()), flush=True)
        faults += len(tally.faults)
    product, count = portfolio.load(PORTFOLIO), options.requests or 2000
    tally = fuzz.against_gateway(cloud, product, count, options.seed + 1, longest)
    say(f"{tally.attempts:,} bodies through the gateway, {tally.seconds:.0f} s")
    print("\n".join(tally.lines()), flush=True)
    return faults + len(tally.faults) + _schemathesis(place, cloud, options.seed, say)


def _schemathesis(place: Place, cloud: Cloud, seed: int, say: Say) -> int:
    """Have schemathesis ask what the OpenAPI document allows, and what it does not."""
    began, before = time.monotonic(), len(cloud.logged())
    done = subprocess.run(  # noqa: S603 - of our own environment
        [
            str(place.root / ".venv" / "fuzz" / "bin" / "schemathesis"),
            "--config-file", str(place.root / "resilience" / "schemathesis.toml"),
            "run", str(place.root / "contracts" / PORTFOLIO / "openapi.json"),
            "--url", cloud.outputs["api_url"],
            "--header", f"x-api-key: {cloud.outputs['api_key']}",
            "--seed", str(seed),
        ],
        cwd=place.build / "resilience",
        check=False,
    )  # fmt: skip
    made = len(cloud.logged()) - before
    say(f"schemathesis: exit {done.returncode}, {made} decisions, {time.monotonic() - began:.0f} s")
    return int(done.returncode != 0)


def _storm(place: Place, cloud: Cloud, options: argparse.Namespace, say: Say) -> int:
    """Let a storm pass over two instances; leave its table and its tries in build/resilience."""
    service.put_in_service(cloud, PORTFOLIO, 2, say)
    folder = place.build / "resilience"
    happened = storm.run(
        cloud,
        portfolio.load(PORTFOLIO),
        folder / "aws" / "work" / "lambda",
        options.requests or 10_000,
        options.clients,
        options.seed,
        say,
    )
    table.write(happened, folder / "storm.json")
    lines = "\n".join(table.render(happened))
    (folder / "storm.txt").write_text(lines + "\n")
    print(lines, flush=True)
    return len(happened.faults)


def _bulk(place: Place, cloud: Cloud, options: argparse.Namespace, say: Say) -> int:
    """Score a tenth of the rows as a batch, then all; leave the figures in build/resilience."""
    service.put_in_service(cloud, options.portfolio, 1, say)
    folder, product = place.build / "resilience", portfolio.load(options.portfolio)
    batches = bulk.run(cloud, product, folder / "aws", options.rows, options.seed, say)
    faults = [fault for each in batches for fault in each.faults]
    faults += bulk.judge_memory(*batches)
    bulk.write(batches, faults, folder / "bulk.json")
    print("\n".join(bulk.render(batches, faults)), flush=True)
    return len(faults)


if __name__ == "__main__":
    sys.exit(main())
