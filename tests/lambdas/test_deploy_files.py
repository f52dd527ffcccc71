"""What a deployment reads and uploads: an environment's file, MWAA's files; what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    ProfileNotFound,
    SSOTokenLoadError,
)

from deployment import (
    airflow_files,
    archive,
    change_set,
    environment_file,
    faults,
    notebook_files,
    package_bundles,
    templates,
)
from deployment.artefacts import Artefacts, MissingArtefact
from deployment.change_set import Change, NotConfirmed
from deployment.environment_file import BadEnvironment, Environment
from tests.lambdas.conftest import ROOT, Deployed, destroy

BUCKET = "solvencia-code-000000000000-us-east-1"


def bundles_of(folder: Path, dags: dict[str, bytes], plugins: bytes = b"plugin") -> Path:
    """Write bundles with these DAG files, and their record."""
    folder.mkdir(exist_ok=True)
    archive.write(folder / "dags.zip", dags)
    archive.write(folder / "plugins.zip", {"plugin.py": plugins})
    (folder / "requirements.txt").write_text("pyarrow==25.0.0\n")
    record = {
        name: {"sha256": archive.file_digest(folder / name)}
        for name in ("dags.zip", "plugins.zip", "requirements.txt")
    }
    (folder / "checksums.json").write_text(json.dumps(record))
    return folder


@pytest.fixture
def artefacts(stack: Deployed) -> Artefacts:
    return Artefacts(stack.client("s3"), BUCKET, "us-east-1", lambda line: None)


@pytest.fixture
def keys(artefacts: Artefacts) -> Callable[[str], dict[str, bytes]]:
    def read(prefix: str) -> dict[str, bytes]:
        listed = artefacts.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/")
        return {
            each["Key"].removeprefix(f"{prefix}/"): artefacts.s3.get_object(
                Bucket=BUCKET, Key=each["Key"]
            )["Body"].read()
            for each in listed["Contents"]
        }

    return read


def test_mwaa_finds_its_files_below_one_prefix(
    artefacts: Artefacts, keys: Callable[[str], dict[str, bytes]], tmp_path: Path
) -> None:
    """DAG folder, plugins, requirements, and a script that exports the settings, quoted."""
    bundles = bundles_of(tmp_path, {"ingest.py": b"1", "solvencia/__init__.py": b""})

    prefix = airflow_files.upload(artefacts, bundles, {"SOLVENCIA_SUBNETS": "a,b c"})

    found = keys(prefix)
    assert set(found) == {
        "dags/ingest.py",
        "dags/solvencia/__init__.py",
        "plugins.zip",
        "requirements.txt",
        "startup.sh",
    }
    assert found["startup.sh"] == b"#!/bin/sh\nexport SOLVENCIA_SUBNETS='a,b c'\n"


def test_changed_dags_are_synchronized_in_place(
    artefacts: Artefacts, keys: Callable[[str], dict[str, bytes]], tmp_path: Path
) -> None:
    """One file changes, one goes, one is left alone; the environment keeps its prefix."""
    before = {"one.py": b"1", "two.py": b"2", "three.py": b"3"}
    prefix = airflow_files.upload(artefacts, bundles_of(tmp_path, before), {"A": "sync"})
    again = bundles_of(tmp_path, {"one.py": b"1", "two.py": b"changed"})

    same = airflow_files.upload(artefacts, again, {"A": "sync"})
    counts = airflow_files.synchronize(artefacts.s3, BUCKET, f"{prefix}/dags/", again / "dags.zip")

    dags = {name: body for name, body in keys(prefix).items() if name.startswith("dags/")}
    assert same == prefix
    assert dags == {"dags/one.py": b"1", "dags/two.py": b"changed"}
    assert counts == (0, 0)


def test_changed_plugins_or_settings_move_the_prefix(artefacts: Artefacts, tmp_path: Path) -> None:
    """MWAA reads plugins, requirements and startup script only when it is updated."""
    first = airflow_files.upload(artefacts, bundles_of(tmp_path, {"a.py": b""}), {"A": "1"})
    settings = airflow_files.upload(artefacts, tmp_path, {"A": "2"})
    plugins = airflow_files.upload(
        artefacts, bundles_of(tmp_path, {"a.py": b""}, plugins=b"other"), {"A": "1"}
    )

    assert len({first, settings, plugins}) == 3


def test_a_bundle_that_was_tampered_with_is_not_uploaded(tmp_path: Path) -> None:
    """The record's digest is held against the file."""
    bundles = bundles_of(tmp_path, {"a.py": b""})
    (bundles / "plugins.zip").write_bytes(b"other")

    with pytest.raises(MissingArtefact, match=r"plugins\.zip is missing, or not what was built"):
        airflow_files.recorded(bundles, "plugins.zip")


def test_an_environment_is_read_whole(tmp_path: Path) -> None:
    """Numbers and truth values become the texts that CloudFormation takes."""
    (tmp_path / "live.toml").write_text(
        'stack = "live"\nportfolios = ["cards"]\n[parameters]\nAirflow = true\nScoreBurst = 5\n'
    )

    found = environment_file.load("live", tmp_path)

    assert found == Environment(
        stack="live", portfolios=("cards",), parameters={"Airflow": "true", "ScoreBurst": "5"}
    )
    assert environment_file.load("trial").stack == "solvencia-trial"


def test_every_fault_of_an_environment_is_named_at_once(tmp_path: Path) -> None:
    """File, key and cure, for all keys; a missing file names those that there are."""
    (tmp_path / "live.toml").write_text("acount = '1'\naccount = 123\nportfolios = 'cards'\n")

    with pytest.raises(BadEnvironment) as fault:
        environment_file.load("live", tmp_path)
    with pytest.raises(BadEnvironment, match=r"there are: live"):
        environment_file.load("other", tmp_path)

    assert [line.split("live.toml: ")[1] for line in str(fault.value).splitlines()] == [
        "acount: no such key",
        "account: write it in quotes",
        'portfolios: a list of names, such as ["consumer_credit"]',
    ]


def test_data_that_would_be_lost_is_found() -> None:
    """A replaced bucket, one that may be, and a removed table are; what holds no data is not."""
    lost = [
        Change("Storage/DataBucket", "AWS::S3::Bucket", "Modify", "True"),
        Change("Model/Repository", "AWS::ECR::Repository", "Modify", "Conditional"),
        Change("Decisions/Log", "AWS::DynamoDB::Table", "Remove"),
    ]
    harmless = [
        Change("Decisions/People", "AWS::DynamoDB::Table", "Add"),
        Change("Storage/ModelsBucket", "AWS::S3::Bucket", "Modify", "False"),
        Change("Agent/LogGroup", "AWS::Logs::LogGroup", "Remove"),
        Change("Model/Role", "AWS::IAM::Role", "Modify", "True"),
    ]

    assert change_set.lost_data([*lost, *harmless]) == lost
    assert change_set.lost_data(lost, ["Storage/DataBucket", "Decisions/Log"]) == [lost[1]]
    assert [str(each) for each in lost] == [
        "! Storage/DataBucket (AWS::S3::Bucket, REPLACED)",
        "! Model/Repository (AWS::ECR::Repository, may be REPLACED)",
        "! Decisions/Log (AWS::DynamoDB::Table)",
    ]


def test_only_yes_is_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    """At a terminal, Enter alone changes nothing."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)

    change_set.confirm("change it", is_agreed=False, answer=lambda text: "Yes")
    with pytest.raises(NotConfirmed, match="nothing was changed"):
        change_set.confirm("change it", is_agreed=False, answer=lambda text: "")


def refused(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "CreateStack")


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (NoCredentialsError(), "sign in"),
        (refused("ExpiredToken", "expired"), "sign in again"),
        (refused("AccessDenied", "not authorized to perform: iam:CreateRole"), "iam:CreateRole"),
        (refused("LimitExceededException", "too many"), "Service Quotas console"),
        (refused("InvalidParameterValue", "UnreservedConcurrentExecution below 10"), "at 0"),
        (refused("ValidationError", "Unrecognized resource types: [A::B::C]"), "choose another"),
        (refused("OptInRequired", "The region is not enabled"), "enable it"),
        (
            EndpointConnectionError(endpoint_url="https://sts.eu-nowhere-1"),
            "the region is misspelt",
        ),
        (ProfileNotFound(profile="lender"), "AWS_PROFILE names none"),
        (SSOTokenLoadError(profile_name="lender", error_msg="expired"), "aws sso login"),
    ],
)
def test_a_refusal_names_the_next_step(fault: Any, text: str) -> None:
    """Credentials, permission, quota and region each have their own advice."""
    assert text in faults.explain(fault)


def test_without_credentials_the_message_is_one_line() -> None:
    """No traceback: what is missing, and how to get it."""
    done = subprocess.run(
        [sys.executable, "-m", "deployment.deploy", "--env", "trial"],
        env={
            "PATH": os.defpath,
            "HOME": "/nonexistent",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'include'}",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("deploy: no AWS credentials: sign in")
    assert len(done.stderr.splitlines()) == 1


def stand_in(folder: Path, template: str) -> Path:
    """Copy the templates, one of them reduced to a handle that the embedded AWS can make."""
    infra = folder / "infra"
    shutil.copytree(ROOT / "infra", infra)
    whole = templates.read(template)
    (infra / f"{template}.yaml").write_text(
        json.dumps(
            {
                "Parameters": {
                    name: {"Type": body["Type"]} for name, body in whole["Parameters"].items()
                },
                "Resources": {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}},
                "Outputs": {name: {"Value": "none"} for name in whole["Outputs"]},
            }
        )
    )
    return infra


def test_airflow_comes_last_and_is_told_what_the_rest_gave(
    stack: Deployed, artefacts: Artefacts, keys: Callable[[str], dict[str, bytes]], tmp_path: Path
) -> None:
    """Two change sets: the second one names a prefix whose startup script holds the outputs.

    The embedded AWS has no MWAA: a handle stands in for the environment, the rest is as it is.
    """
    infra = stand_in(tmp_path, "orchestration")
    bundles = tmp_path / "bundles"
    package_bundles.build(bundles, {}, print)
    options = ("--stack", "airy", "--templates", str(infra), "--portfolio", "consumer_credit")

    refused = stack.deploy(*options, "--parameter", "Airflow=true")
    done = stack.deploy(*options, "--parameter", "Airflow=true", "--bundles", str(bundles))
    again = stack.deploy(*options, "--bundles", str(bundles))
    outputs = json.loads((stack.dist.parent / "stack.json").read_text())
    described = stack.client("cloudformation").describe_stacks(StackName="airy")["Stacks"][0]
    given = {each["ParameterKey"]: each["ParameterValue"] for each in described["Parameters"]}

    assert "give --bundles" in refused.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    assert "+ Orchestration (AWS::CloudFormation::Stack)" in done.stdout
    listed = stack.client("s3").list_objects_v2(
        Bucket=given["CodeBucket"], Prefix=f"{given['AirflowPrefix']}/"
    )
    names = {each["Key"].removeprefix(f"{given['AirflowPrefix']}/") for each in listed["Contents"]}
    assert {"plugins.zip", "requirements.txt", "startup.sh", "dags/ingest.py"} <= names
    startup = (
        stack.client("s3")
        .get_object(Bucket=given["CodeBucket"], Key=f"{given['AirflowPrefix']}/startup.sh")["Body"]
        .read()
    )
    assert f"export SOLVENCIA_SUBNETS={outputs['SOLVENCIA_SUBNETS']}\n".encode() in startup
    assert again.returncode == 0, again.stdout + again.stderr
    assert "resources to change" not in again.stdout
    words = ("--yes", "--delete-data", "airy", "--confirm-delete-data", "airy")
    assert destroy(stack, *words, name="airy").returncode == 0


def test_the_notebooks_lie_where_the_instance_takes_them_from(
    stack: Deployed, tmp_path: Path
) -> None:
    """With a notebook, notebooks, core and requirements are below NotebooksPrefix; else nothing.

    The embedded AWS has no notebook instance: a handle stands in for it, the rest is as it is.
    """
    infra = stand_in(tmp_path, "notebook")
    bundles = tmp_path / "bundles"
    package_bundles.build(bundles, {}, print)
    options = ("--stack", "bookish", "--templates", str(infra), "--portfolio", "consumer_credit")
    wanted = ("--parameter", "Notebook=true", "--parameter", "NotebooksPrefix=desk")

    refused = stack.deploy(*options, *wanted)
    done = stack.deploy(*options, *wanted, "--bundles", str(bundles))
    again = stack.deploy(*options, "--bundles", str(bundles))
    s3, bucket = stack.client("s3"), BUCKET.replace("solvencia", "bookish")
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="desk/")["Contents"]
    names = {each["Key"].removeprefix("desk/") for each in listed}

    assert "give --bundles" in refused.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    assert "+ NotebookStack (AWS::CloudFormation::Stack)" in done.stdout
    assert {
        *("1_explore_the_lake.ipynb", "desk.py", "install.sh", "requirements.txt"),
        "solvencia/portfolios/consumer_credit/portfolio.toml",
    } <= names
    assert f"notebooks: {len(names)} files written, 0 removed" in done.stdout
    assert "notebooks: 0 files written, 0 removed" in again.stdout
    words = ("--yes", "--delete-data", "bookish", "--confirm-delete-data", "bookish")
    assert destroy(stack, *words, name="bookish").returncode == 0


def test_without_a_notebook_none_is_uploaded() -> None:
    """A stack without the instance has no use for its files."""
    assert not notebook_files.is_wanted({})
    assert not notebook_files.is_wanted({"Notebook": "false"})
    assert notebook_files.is_wanted({"Notebook": "true"})
