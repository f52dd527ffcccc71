"""docs/aws.md names every resource type that the embedded AWS does not make, and why."""

from __future__ import annotations

import re

from ministack.services.cloudformation import provisioners

from deployment import templates
from local.aws import absent, cloudformation, vpn

PAGE = templates.INFRA.parent / "docs" / "aws.md"


def test_the_page_lists_what_the_embedded_aws_lacks() -> None:
    """A type is on the page, with its template, as long as nothing here can make it."""
    ours = {*cloudformation.TYPES, *vpn.TYPES}
    made = {*provisioners._RESOURCE_HANDLERS, *ours} - set(absent.TYPES)
    lacking = {
        (resource["Type"], name)
        for name in templates.names()
        for resource in templates.declared(name).values()
        if resource["Type"] not in made
    }
    listed = re.findall(
        r"^\| `(AWS::[\w:]+)` \| `(\w+)` \| (.*) \|$", PAGE.read_text(), re.MULTILINE
    )

    assert {(kind, name) for kind, name, _ in listed} == lacking
    assert {kind: reason for kind, _, reason in listed} == {
        kind: each.reason for kind, each in absent.TYPES.items()
    }


def test_every_template_is_explained() -> None:
    """Each file of infra/ stands in the page's table, but the root, which the text names."""
    text = PAGE.read_text()

    assert [name for name in templates.names() if f"`{name}`" not in text] == ["solvencia"]
