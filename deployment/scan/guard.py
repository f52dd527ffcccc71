"""cfn-guard over the templates, with rules of AWS's registry; it runs in the environment `guard`.

The rules are those that AWS's infrastructure-as-code server ships in its package. With a checkout
of the whole registry (`--registry`), the rules of its NIST 800-53 revision 5 mapping run instead.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGE = "awslabs.aws_iac_mcp_server"
RULES = Path("data") / "default_guard_rules.guard"
MAPPING = Path("mappings") / "rule_set_nist800_53rev5.json"


def rules(registry: Path | None) -> list[str]:
    """Return rule files' texts: one of 79 rules from the package, or the mapping's own."""
    if registry:
        mapping = json.loads((registry / MAPPING).read_text(encoding="utf-8"))["mappings"]
        return [(registry / each["guardFilePath"]).read_text(encoding="utf-8") for each in mapping]
    import awslabs

    folder = Path(next(iter(awslabs.__path__))) / PACKAGE.partition(".")[2]
    return [(folder / RULES).read_text(encoding="utf-8")]


def failed(template: dict[str, Any], texts: list[str]) -> Iterator[str]:
    """Yield the rules that a template does not keep."""
    from guardpycfn import validate_with_guard

    for text in texts:
        answer = validate_with_guard(json.dumps(template), text, verbose=True)
        if not answer["success"]:
            raise RuntimeError(f"cfn-guard failed: {answer}")
        # A file of the registry that holds no rule yet is answered with an empty text.
        for child in answer["result"]["children"] if answer["result"] else ():
            check = child["container"].get("RuleCheck")
            if check and check["status"] == "FAIL":
                yield check["name"]


def main() -> None:
    """Print what was found in the folder's templates as JSON: the rules' names, and the findings.

    A rule that reads several resources together is laid to the resources that break it alone, and
    to the whole template (resource "*") where none does.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--registry", type=Path)
    options = parser.parse_args()
    texts = rules(options.registry)
    found = []
    for path in sorted(options.folder.glob("*.json")):
        template = json.loads(path.read_text(encoding="utf-8"))
        broken = set(failed(template, texts))
        laid = set()
        for logical_id, resource in template["Resources"].items() if broken else ():
            one = template | {"Resources": {logical_id: resource}}
            for rule in broken & set(failed(one, texts)):
                found.append([path.stem, logical_id, rule])
                laid.add(rule)
        found += [[path.stem, "*", rule] for rule in sorted(broken - laid)]
    names = [name for text in texts for name in re.findall(r"^rule (\w+)", text, re.MULTILINE)]
    version = metadata.version("guardpycfn")
    print(json.dumps({"version": version, "rules": names, "findings": found}))


if __name__ == "__main__":
    main()
