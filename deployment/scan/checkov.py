"""checkov over the templates, in a process of its own; it fetches nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from deployment import templates
from deployment.scan.finding import Finding, Report, reasons

ENGINE = "checkov"


def scan(folder: Path) -> Report:
    """Judge the templates that lie in the folder as JSON, without their metadata."""
    command = [str(Path(sys.executable).parent / "checkov"), "--directory", str(folder)]
    command += ["--framework", "cloudformation", "--skip-download", "--compact", "--output", "json"]
    done = subprocess.run(  # noqa: S603 - our own environment's
        command, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"checkov failed:\n{done.stderr[-2000:]}")
    answer = json.loads(done.stdout)
    if answer["summary"]["parsing_errors"]:
        raise RuntimeError(f"checkov cannot read {answer['results']['parsing_errors']}")
    failed = answer["results"]["failed_checks"]
    return Report(
        ENGINE,
        answer["summary"]["checkov_version"],
        f"{answer['summary']['passed'] + len(failed)} checks of "
        f"{sum(len(templates.declared(name)) for name in templates.names())} resources",
        tuple(_finding(Path(each["file_path"]).stem, each) for each in failed),
    )


def _finding(template: str, check: dict[str, str]) -> Finding:
    logical_id, rule = check["resource"].rpartition(".")[2], check["check_id"]
    reason = reasons(template, logical_id).get(rule, "")
    return Finding(ENGINE, rule, template, logical_id, check["check_name"], reason)
