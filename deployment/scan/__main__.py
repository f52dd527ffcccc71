"""Judge the templates and the policies: `python -m deployment.scan [--write] [--registry FOLDER]`.

Exit code 1 when a finding has no reason, when a suppression suppresses nothing, or when the counts
in docs/security.md are others than today's; `--write` writes them there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from deployment import templates
from deployment.scan import checkov, policies
from deployment.scan.finding import Finding, Report, reasons, unused

ROOT = Path(__file__).resolve().parents[2]
GUARD = ROOT / ".venv" / "guard" / "bin" / "python"
PAGE = ROOT / "docs" / "security.md"
BEGIN, END = "<!-- written by make scan -->\n", "<!-- end -->\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print each engine's counts and every fault; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deployment.scan", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the counts to docs/security.md")
    parser.add_argument(
        "--registry", type=Path, help="a checkout of AWS's guard rules registry: its NIST mapping"
    )
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        lay_out(Path(folder))
        lay_out_raw(Path(folder) / "raw")
        if options.registry:
            return _tell([timed(lambda: scan_guard(Path(folder), options.registry))])
        reports = [
            timed(lambda: checkov.scan(Path(folder) / "raw")),
            timed(lambda: scan_guard(Path(folder), None)),
            timed(policies.scan_parliament),
            timed(policies.scan_cloudsplaining),
        ]
    faults = _tell(reports)
    text = page(PAGE.read_text(encoding="utf-8"), reports)
    if options.write:
        PAGE.write_text(text, encoding="utf-8")
    elif text != PAGE.read_text(encoding="utf-8"):
        print(f"scan: {PAGE.relative_to(ROOT)} says otherwise: run make scan WRITE=yes")
        return 1
    return faults


def lay_out(folder: Path) -> None:
    """Write every template as JSON, functions worked out and without its metadata."""
    for name in templates.names():
        resources = {
            logical_id: {key: each for key, each in resource.items() if key != "Metadata"}
            for logical_id, resource in templates.resolved(name).items()
        }
        body = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}
        (folder / f"{name}.json").write_text(json.dumps(body, indent=1, default=str))


def lay_out_raw(folder: Path) -> None:
    """Write every template as JSON without its metadata; its references tie resources together."""
    folder.mkdir()
    for name in templates.names():
        resources = {
            logical_id: {key: _long(each) for key, each in resource.items() if key != "Metadata"}
            for logical_id, resource in templates.declared(name).items()
        }
        body = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}
        (folder / f"{name}.json").write_text(json.dumps(body, indent=1, default=str))


def _long(value: Any) -> Any:
    """Return the value with `Fn::GetAtt` in the form that JSON templates have."""
    if isinstance(value, list):
        return [_long(each) for each in value]
    if not isinstance(value, dict):
        return value
    if isinstance(whole := value.get("Fn::GetAtt"), str):
        return {"Fn::GetAtt": whole.split(".", 1)}
    return {key: _long(each) for key, each in value.items()}


def scan_guard(folder: Path, registry: Path | None) -> Report:
    """Run cfn-guard in its own environment."""
    command = [str(GUARD), str(ROOT / "deployment" / "scan" / "guard.py"), str(folder)]
    command += ["--registry", str(registry)] if registry else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(f"cfn-guard failed:\n{done.stderr[-2000:]}")
    answer = json.loads(done.stdout)
    found = [
        Finding("cfn-guard", rule, name, where, rule, reasons(name, where).get(rule, ""))
        for name, where, rule in answer["findings"]
    ]
    checked = f"{len(answer['rules'])} rules, {len(templates.names())} templates"
    return Report("cfn-guard", answer["version"], checked, tuple(found), tuple(answer["rules"]))


def timed(scan: Callable[[], Report]) -> Report:
    """Run one engine and say how long it took."""
    started = time.monotonic()
    report = scan()
    print(
        f"scan: {report.engine} {report.version}: {report.checked}, "
        f"{len(report.findings)} findings, {len(report.unexplained)} unexplained, "
        f"{time.monotonic() - started:.1f} s",
        flush=True,
    )
    return report


def page(text: str, reports: Sequence[Report]) -> str:
    """Return the page with the tables of today between its marks."""
    rows = ["| engine | looked at | findings | accepted, with a reason | unexplained |"]
    rows.append("| --- | --- | ---: | ---: | ---: |")
    rows += [
        f"| {each.engine} {each.version} | {each.checked} | {len(each.findings)} "
        f"| {len(each.accepted)} | {len(each.unexplained)} |"
        for each in reports
    ]
    rows += ["", "| accepted rule | resources | reason |", "| --- | ---: | --- |"]
    counts = Counter((each.rule, each.reason) for report in reports for each in report.accepted)
    rows += [f"| {rule} | {count} | {why} |" for (rule, why), count in sorted(counts.items())]
    head, _, rest = text.partition(BEGIN)
    return head + BEGIN + "\n".join(rows) + "\n" + END + rest.partition(END)[2]


def _tell(reports: Sequence[Report]) -> int:
    faults = [
        f"{each.template}.{each.resource}: {each.engine} {each.rule}: {each.text}"
        for report in reports
        for each in report.unexplained
    ]
    faults += [line for report in reports for line in unused(report)]
    for line in faults:
        print(f"scan: {line}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
