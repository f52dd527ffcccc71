"""With IAM enforced, each component may do what its role's policy says, and nothing else."""

from __future__ import annotations

import json
from urllib.parse import quote
from urllib.request import urlopen

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "000000000000"
IMAGE = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/solvencia-model:1"
BUCKET = "lake"
LIST = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{BUCKET}"}
LOG = {
    "Effect": "Allow",
    "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/sagemaker/*",
}


@pytest.fixture(scope="module")
def guarded(new_server):
    """An embedded AWS that enforces IAM, with a bucket."""
    server = new_server(is_iam_enforced=True).start()
    s3 = server.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="train/a.csv", Body=b"1\n")
    s3.put_object(Bucket=BUCKET, Key="secret/a.csv", Body=b"1\n")
    return server


@pytest.fixture(scope="module")
def make_role(guarded):
    """Makes a role that a service may assume, with these statements; gives its ARN."""

    def make(name, service, *statements, condition=None):
        iam = guarded.client("iam")
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": service},
            "Action": "sts:AssumeRole",
            **({"Condition": condition} if condition else {}),
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="may", PolicyDocument=policy)
        return arn

    return make


@pytest.fixture(scope="module")
def act(guarded):
    """Gives a client with the credentials that a service gets for a role."""

    def client(role, service, of):
        url = f"{guarded.url}/_credentials?role={quote(role)}&service={service}&source=arn:aws:x"
        with urlopen(url) as reply:
            found = json.load(reply)
        return boto3.client(
            of,
            endpoint_url=guarded.url,
            region_name="us-east-1",
            aws_access_key_id=found["AccessKeyId"],
            aws_secret_access_key=found["SecretAccessKey"],
            aws_session_token=found["Token"],
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )

    return client


def calls(guarded):
    return [json.loads(line) for line in (guarded.state / "calls.jsonl").open()]


def training(name, role, key="train"):
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        "RoleArn": role,
        "HyperParameters": {"answer": "42"},
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{key}/"}
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models/"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }


@pytest.fixture(scope="module")
def model_role(make_role):
    """A role of SageMaker that may read train/, write models/ and log."""
    return make_role(
        "model",
        "sagemaker.amazonaws.com",
        LIST,
        LOG,
        {
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": [f"arn:aws:s3:::{BUCKET}/train/*", f"arn:aws:s3:::{BUCKET}/models/*"],
        },
    )


def test_a_role_is_refused_what_its_policy_lacks(make_role, act):
    """The answer names principal, action and resource, as AWS does; what it has is done."""
    reader = make_role(
        "reader",
        "lambda.amazonaws.com",
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{BUCKET}/train/*"},
    )
    s3 = act(reader, "lambda.amazonaws.com", "s3")

    read = s3.get_object(Bucket=BUCKET, Key="train/a.csv")["Body"].read()
    with pytest.raises(ClientError) as refused:
        s3.put_object(Bucket=BUCKET, Key="train/a.csv", Body=b"2")

    assert read == b"1\n"
    assert refused.value.response["Error"] == {
        "Code": "AccessDenied",
        "Message": f"User: arn:aws:sts::{ACCOUNT}:assumed-role/reader/lambda is not authorized to "
        f'perform: s3:PutObject on resource: "arn:aws:s3:::{BUCKET}/train/a.csv" because no '
        "identity-based policy allows the s3:PutObject action",
    }


def test_every_call_of_a_role_is_recorded(guarded, make_role, act):
    """Role, action, resource, decision and the prefix are kept; the operator's calls are not."""
    lister = make_role(
        "lister",
        "lambda.amazonaws.com",
        LIST | {"Condition": {"StringLike": {"s3:prefix": "train/*"}}},
    )
    s3 = act(lister, "lambda.amazonaws.com", "s3")

    s3.list_objects_v2(Bucket=BUCKET, Prefix="train/")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.list_objects_v2(Bucket=BUCKET, Prefix="secret/")

    call = {"role": "lister", "action": "s3:ListBucket", "resource": f"arn:aws:s3:::{BUCKET}"}
    noted = [each for each in calls(guarded) if each["role"] == "lister"]
    assert noted == [
        call | {"decision": "allowed", "context": {"s3:prefix": "train/"}},
        call | {"decision": "denied", "context": {"s3:prefix": "secret/"}},
    ]


def test_a_role_is_passed_by_those_who_may(make_role, act, model_role):
    """Without iam:PassRole for SageMaker a job is refused, however well it is allowed."""
    job = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-job/*"
    may_train = {"Effect": "Allow", "Action": "sagemaker:CreateTrainingJob", "Resource": job}
    starter = make_role("starter", "lambda.amazonaws.com", may_train)
    sagemaker = act(starter, "lambda.amazonaws.com", "sagemaker")

    with pytest.raises(ClientError) as refused:
        sagemaker.create_training_job(**training("passed", model_role))

    assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    assert f"perform: iam:PassRole on resource: {model_role} because" in str(refused.value)


def test_a_role_is_passed_to_the_service_it_is_meant_for(make_role, act, model_role):
    """The condition on iam:PassedToService decides."""
    job = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:training-job/*"
    statements = [
        {"Effect": "Allow", "Action": "sagemaker:CreateTrainingJob", "Resource": job},
        {
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": model_role,
            "Condition": {"StringEquals": {"iam:PassedToService": "glue.amazonaws.com"}},
        },
    ]
    other = make_role("to-glue", "lambda.amazonaws.com", *statements)

    with pytest.raises(ClientError, match="iam:PassRole"):
        act(other, "lambda.amazonaws.com", "sagemaker").create_training_job(
            **training("glued", model_role)
        )


def test_a_job_stays_in_the_network_that_a_policy_binds_it_to(make_role, act, model_role):
    """Without the subnets and groups of the condition, or with others, a job is refused."""
    analyst = make_role(
        "networked",
        "sagemaker.amazonaws.com",
        {"Effect": "Allow", "Action": "iam:PassRole", "Resource": model_role},
        {
            "Effect": "Allow",
            "Action": "sagemaker:CreateTrainingJob",
            "Resource": "*",
            "Condition": {
                "Null": {"sagemaker:VpcSubnets": "false"},
                "ForAllValues:StringEquals": {"sagemaker:VpcSubnets": ["subnet-a", "subnet-b"]},
            },
        },
    )
    sagemaker = act(analyst, "sagemaker.amazonaws.com", "sagemaker")
    refused = []
    for name, subnets in (("nowhere", None), ("elsewhere", ["subnet-a", "subnet-c"])):
        job = training(name, model_role)
        if subnets:
            job["VpcConfig"] = {"Subnets": subnets, "SecurityGroupIds": ["sg-a"]}
        with pytest.raises(ClientError) as fault:
            sagemaker.create_training_job(**job)
        refused.append(fault.value.response["Error"]["Code"])
    with pytest.raises(ClientError) as unknown:
        sagemaker.create_training_job(
            **training("inside", model_role),
            VpcConfig={"Subnets": ["subnet-a"], "SecurityGroupIds": ["sg-a"]},
        )

    assert refused == ["AccessDeniedException"] * 2
    assert unknown.value.response["Error"]["Code"] != "AccessDeniedException"  # no such subnet


def test_a_role_that_trusts_another_service_is_not_assumed(guarded, make_role):
    """SageMaker refuses the job at once and keeps no record of it."""
    wrong = make_role("of-glue", "glue.amazonaws.com")
    sagemaker = guarded.client("sagemaker")

    with pytest.raises(ClientError, match="Could not assume role"):
        sagemaker.create_training_job(**training("wrong", wrong))

    with pytest.raises(ClientError, match="Could not find training job"):
        sagemaker.describe_training_job(TrainingJobName="wrong")


def test_a_trust_is_bound_to_its_source(guarded, make_role):
    """The account and the ARN that a service acts for are asked, as against a confused deputy."""
    bound = make_role(
        "bound",
        "sagemaker.amazonaws.com",
        condition={"ArnLike": {"aws:SourceArn": "arn:aws:sagemaker:*:*:training-job/ours-*"}},
    )

    with pytest.raises(ClientError, match="Could not assume role"):
        guarded.client("sagemaker").create_training_job(**training("theirs", bound))


@pytest.mark.parametrize(("key", "status"), [("train", "Completed"), ("secret", "Failed")])
def test_a_job_reads_what_its_role_may(guarded, model_role, wait_until, key, status):
    """A job whose role may not read its input fails, and says what was missing."""
    sagemaker = guarded.client("sagemaker")
    sagemaker.create_training_job(**training(f"reads-{key}", model_role, key))

    def ended():
        found = sagemaker.describe_training_job(TrainingJobName=f"reads-{key}")
        return found if found["TrainingJobStatus"] != "InProgress" else None

    job = wait_until(ended)

    assert job["TrainingJobStatus"] == status
    if status == "Failed":
        resource = f'"arn:aws:s3:::{BUCKET}/secret/a.csv"'
        said = f"is not authorized to perform: s3:GetObject on resource: {resource}"
        assert f"assumed-role/model/sagemaker {said}" in job["FailureReason"]


def test_a_query_reads_as_its_caller(guarded, make_role, act, wait_until):
    """Athena reads tables and files under the caller's own rights, and says what was missing."""
    glue = guarded.client("glue")
    glue.create_database(DatabaseInput={"Name": "sales"})
    table = {
        "Name": "rows",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "csv"},
        "StorageDescriptor": {
            "Columns": [{"Name": "n", "Type": "bigint"}],
            "Location": f"s3://{BUCKET}/secret/",
            "SerdeInfo": {"Parameters": {"field.delim": ","}},
        },
    }
    glue.create_table(DatabaseName="sales", TableInput=table)
    catalogue = f"arn:aws:glue:us-east-1:{ACCOUNT}"
    analyst = make_role(
        "analyst",
        "lambda.amazonaws.com",
        LIST,
        {
            "Effect": "Allow",
            "Action": ["athena:StartQueryExecution", "athena:GetQueryExecution"],
            "Resource": f"arn:aws:athena:us-east-1:{ACCOUNT}:workgroup/primary",
        },
        {
            "Effect": "Allow",
            "Action": ["glue:GetDatabase", "glue:GetTable"],
            "Resource": [f"{catalogue}:{each}" for each in ("catalog", "database/*", "table/*")],
        },
        {
            "Effect": "Allow",
            "Action": "s3:GetBucketLocation",
            "Resource": f"arn:aws:s3:::{BUCKET}",
        },
    )
    athena = act(analyst, "lambda.amazonaws.com", "athena")

    query = athena.start_query_execution(
        QueryString="SELECT n FROM rows",
        QueryExecutionContext={"Database": "sales"},
        ResultConfiguration={"OutputLocation": f"s3://{BUCKET}/results/"},
    )["QueryExecutionId"]

    def ended():
        found = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
        return found if found["State"] not in ("QUEUED", "RUNNING") else None

    status = wait_until(ended)

    assert status["State"] == "FAILED"
    assert "not authorized to perform: s3:GetObject" in status["StateChangeReason"]
    assert f"{BUCKET}/secret/a.csv" in status["StateChangeReason"]


def test_a_crawler_works_under_its_role(guarded, make_role, wait_until):
    """A crawl whose role may not list its target fails with the reason."""
    glue = guarded.client("glue")
    glue.create_database(DatabaseInput={"Name": "crawled"})
    role = make_role("crawler", "glue.amazonaws.com")
    targets = {"S3Targets": [{"Path": f"s3://{BUCKET}/train/"}]}
    glue.create_crawler(Name="c", Role=role, DatabaseName="crawled", Targets=targets)
    glue.start_crawler(Name="c")

    crawler = wait_until(
        lambda: (found := glue.get_crawler(Name="c")["Crawler"])["State"] == "READY" and found
    )

    assert crawler["LastCrawl"]["Status"] == "FAILED"
    assert (
        "crawler/glue is not authorized to perform: glue:" in crawler["LastCrawl"]["ErrorMessage"]
    )


def test_a_state_machine_invokes_what_its_role_may(guarded, make_role, wait_until):
    """A task without the right fails the execution with AWS's code and words."""
    function = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:absent"
    states = guarded.client("stepfunctions")
    machine = states.create_state_machine(
        name="machine",
        roleArn=make_role("machine", "states.amazonaws.com"),
        definition=json.dumps(
            {
                "StartAt": "A",
                "States": {
                    "A": {
                        "Type": "Task",
                        "Resource": "arn:aws:states:::lambda:invoke",
                        "Parameters": {"FunctionName": function, "Payload": {}},
                        "End": True,
                    }
                },
            }
        ),
    )["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]

    found = wait_until(
        lambda: (
            (seen := states.describe_execution(executionArn=execution))["status"] != "RUNNING"
            and seen
        )
    )

    assert found["error"] == "AccessDeniedException"
    said = f"is not authorized to perform: lambda:InvokeFunction on resource: {function}"
    assert f"assumed-role/machine/states {said}" in found["cause"]
