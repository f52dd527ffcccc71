"""The code bucket: zips and templates under keys that their content decides."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError


class MissingArtefact(FileNotFoundError):
    """A zip that the deployment uploads was not built."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is missing, or not what was built: run `make package` first")


class Artefacts:
    """Uploads what is not there yet; an uploaded key never changes its content."""

    def __init__(self, s3: Any, bucket: str, region: str, say: Callable[[str], None]) -> None:
        self.s3 = s3
        self.bucket = bucket
        self.region = region
        self.say = say

    def create_bucket(self) -> None:
        """Create the bucket, private, encrypted and TLS only; one that is there stays as it is."""
        try:
            self.s3.head_bucket(Bucket=self.bucket)
            return
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
        place = {"LocationConstraint": self.region}
        options = {} if self.region == "us-east-1" else {"CreateBucketConfiguration": place}
        self.s3.create_bucket(Bucket=self.bucket, **options)
        self.s3.put_public_access_block(
            Bucket=self.bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        self.s3.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(self._tls_only()))
        # MWAA reads its files from a versioned bucket only.
        self.s3.put_bucket_versioning(
            Bucket=self.bucket, VersioningConfiguration={"Status": "Enabled"}
        )
        self.say(f"bucket {self.bucket} created")

    def upload_zips(self, folder: Path) -> dict[str, str]:
        """Upload every zip that `checksums.json` names; return name -> key."""
        record = folder / "checksums.json"
        if not record.is_file():
            raise MissingArtefact(record)
        keys = {}
        for name, entry in json.loads(record.read_text()).items():
            path = folder / name
            if not path.is_file():
                raise MissingArtefact(path)
            keys[name] = f"lambdas/{path.stem}-{entry['sha256'][:16]}.zip"
            self.upload_file(path, keys[name])
        return keys

    def upload_file(self, path: Path, key: str) -> None:
        """Upload a file under a key that its content decides, unless it is there."""
        if not self._is_there(key):
            self.say(f"uploading {path.name}, {path.stat().st_size / 1_000_000:.1f} MB")
            self.s3.upload_file(str(path), self.bucket, key)

    def upload_templates(self, folder: Path) -> str:
        """Upload the templates below a prefix named by their content, the root last; return it."""
        templates = sorted(folder.glob("*.yaml"), key=lambda path: (path.stem == "solvencia", path))
        digest = hashlib.sha256()
        for path in templates:
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        prefix = f"templates/{digest.hexdigest()[:16]}"
        if not self._is_there(f"{prefix}/solvencia.yaml"):
            for path in templates:
                self.s3.put_object(
                    Bucket=self.bucket, Key=f"{prefix}/{path.name}", Body=path.read_bytes()
                )
        return prefix

    def url(self, key: str) -> str:
        """Return the address that CloudFormation reads a template from."""
        return f"https://s3.{self.region}.amazonaws.com/{self.bucket}/{key}"

    def _is_there(self, key: str) -> bool:
        try:
            self.s3.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            return False
        return True

    def _tls_only(self) -> dict[str, Any]:
        partition = "aws-cn" if self.region.startswith("cn-") else "aws"
        arn = f"arn:{partition}:s3:::{self.bucket}"
        statement = {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        return {"Version": "2012-10-17", "Statement": [statement]}
