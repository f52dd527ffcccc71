"""DataSync copies files of the exports folder into S3, and CloudFormation can declare it."""

from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="module")
def task(aws):
    """A task from /lender to the bucket, made by a template."""
    aws("s3").create_bucket(Bucket="landing")
    role = "arn:aws:iam::000000000000:role/datasync"
    template = {
        "Resources": {
            "Agent": {
                "Type": "AWS::DataSync::Agent",
                "Properties": {"ActivationKey": "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE"},
            },
            "Source": {
                "Type": "AWS::DataSync::LocationNFS",
                "Properties": {
                    "ServerHostname": "warehouse-exports",
                    "Subdirectory": "/lender/",
                    "OnPremConfig": {"AgentArns": [{"Ref": "Agent"}]},
                },
            },
            "Target": {
                "Type": "AWS::DataSync::LocationS3",
                "Properties": {
                    "S3BucketArn": "arn:aws:s3:::landing",
                    "Subdirectory": "/landing/lender/",
                    "S3Config": {"BucketAccessRoleArn": role},
                },
            },
            "Task": {
                "Type": "AWS::DataSync::Task",
                "Properties": {
                    "SourceLocationArn": {"Ref": "Source"},
                    "DestinationLocationArn": {"Ref": "Target"},
                    "Name": "lender",
                },
            },
            "Champions": {
                "Type": "AWS::SageMaker::ModelPackageGroup",
                "Properties": {"ModelPackageGroupName": "lender-champions"},
            },
        },
        "Outputs": {
            "Task": {"Value": {"Ref": "Task"}},
            "Uri": {"Value": {"Fn::GetAtt": ["Source", "LocationUri"]}},
            "Group": {"Value": {"Ref": "Champions"}},
        },
    }
    cloudformation = aws("cloudformation")
    cloudformation.create_stack(StackName="transfer", TemplateBody=json.dumps(template))
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName="transfer", WaiterConfig={"Delay": 1})
    stack = cloudformation.describe_stacks(StackName="transfer")["Stacks"][0]
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


@pytest.fixture
def execute(aws, wait_until):
    """Run a task to its end; gives the execution's last description."""

    def run(arn):
        execution = aws("datasync").start_task_execution(TaskArn=arn)["TaskExecutionArn"]

        def described():
            found = aws("datasync").describe_task_execution(TaskExecutionArn=execution)
            return found if found["Status"] in ("SUCCESS", "ERROR") else None

        return wait_until(described)

    return run


def test_only_changed_files_are_copied(aws, server, task, execute):
    """The second execution moves the one file that changed, even at the same size."""
    folder = server.exports / "lender" / "2026-10"
    folder.mkdir(parents=True)
    (folder / "income.csv").write_text("id,usd\n1,5000\n")
    (folder / "manifest.json").write_text("{}")
    first = execute(task["Task"])
    (folder / "income.csv").write_text("id,usd\n1,6000\n")
    second = execute(task["Task"])

    body = aws("s3").get_object(Bucket="landing", Key="landing/lender/2026-10/income.csv")["Body"]
    assert (first["Status"], first["FilesTransferred"], first["BytesTransferred"]) == (
        "SUCCESS",
        2,
        16,
    )
    assert (second["FilesTransferred"], second["BytesTransferred"]) == (1, 14)
    assert body.read() == b"id,usd\n1,6000\n"


def test_a_missing_folder_is_an_error_that_names_it(aws, task, execute):
    """The execution ends in ERROR with the location in its detail."""
    datasync = aws("datasync")
    agent = datasync.list_agents()["Agents"][0]["AgentArn"]
    nowhere = datasync.create_location_nfs(
        ServerHostname="warehouse-exports",
        Subdirectory="/nowhere",
        OnPremConfig={"AgentArns": [agent]},
    )["LocationArn"]
    target = datasync.describe_task(TaskArn=task["Task"])["DestinationLocationArn"]
    arn = datasync.create_task(SourceLocationArn=nowhere, DestinationLocationArn=target)["TaskArn"]
    execution = execute(arn)

    assert execution["Status"] == "ERROR"
    assert "nfs://warehouse-exports/nowhere/" in execution["Result"]["ErrorDetail"]


def test_references_are_what_aws_returns(task):
    """Ref of a task and a model package group is its ARN; a location knows its URI."""
    assert task["Task"].startswith("arn:aws:datasync:us-east-1:000000000000:task/task-")
    assert task["Uri"] == "nfs://warehouse-exports/lender/"
    assert task["Group"].endswith(":model-package-group/lender-champions")
