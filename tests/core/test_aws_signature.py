from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials

from solvencia.aws_signature import Credentials, Scope, sign

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize("token", ["", "IQoJb3JpZ2luX2Vj//+=="])
@pytest.mark.parametrize(
    ("service", "host", "path", "headers", "body"),
    [
        (
            "dynamodb",
            "dynamodb.eu-west-1.amazonaws.com",
            "/",
            {
                "Content-Type": "application/x-amz-json-1.0",
                "X-Amz-Target": "DynamoDB_20120810.PutItem",
            },
            b'{"Item": {"name": {"S": "\xc3\xa9"}}}',
        ),
        ("kms", "127.0.0.1:4566", "/", {"X-Amz-Target": "TrentService.Decrypt"}, b""),
        (
            "sagemaker",
            "runtime.sagemaker.cn-north-1.amazonaws.com.cn",
            "/endpoints/a-b%20c/invocations",
            {"Content-Type": "  application/json   ; charset=utf-8 "},
            b"{}",
        ),
    ],
)
def test_signatures_are_those_of_boto3(service, host, path, headers, body, token):
    """Whatever is signed, AWS finds the signature that its own library makes."""
    asked = AWSRequest("POST", f"https://{host}{path}", {"Host": host, **headers}, body)
    SigV4Auth(BotoCredentials(KEY, SECRET, token or None), service, "eu-west-1").add_auth(asked)
    at = datetime.strptime(asked.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)

    signed = sign(
        Credentials(KEY, SECRET, token),
        Scope("eu-west-1", service),
        path,
        {"Host": host, **headers},
        body,
        at,
    )

    assert signed["Authorization"] == asked.headers["Authorization"]
    assert signed.get("X-Amz-Security-Token", "") == token
