"""A query's result as Athena leaves it in S3: CSV or text, with its metadata beside it."""

from __future__ import annotations

import csv
import io
from typing import Any

from local.aws import lake
from local.aws.athena import types as athena_types
from local.aws.athena.session import Outcome


def store(execution: dict[str, Any], location: str, outcome: Outcome) -> None:
    """Write the result, its types and its manifest, and keep it for GetQueryResults."""
    rows = [[athena_types.format_value(value) for value in row] for row in outcome.rows]
    names = [name for name, _ in outcome.columns]
    kinds = [athena_types.athena_type(kind) for _, kind in outcome.columns]
    text = io.StringIO()
    if outcome.is_text:
        text.writelines("\t".join(each or "" for each in row) + "\n" for row in rows)
    else:
        # Every value in quotes but NULL: `""` is the empty text, nothing is NULL.
        writer = csv.writer(text, quoting=csv.QUOTE_NOTNULL, lineterminator="\n")
        writer.writerows([names, *rows])
    if outcome.written:
        manifest = f"{location.rsplit('.', 1)[0]}-manifest.csv"
        lake.put(manifest, "".join(f"{uri}\n" for uri in outcome.written).encode(), "text/csv")
        execution["Statistics"]["DataManifestLocation"] = manifest
    described = "".join(f"{name}\t{kind}\n" for name, kind in zip(names, kinds, strict=True))
    lake.put(f"{location}.metadata", described.encode(), "binary/octet-stream")
    lake.put(location, text.getvalue().encode(), "text/csv")
    execution["_results"] = {"columns": names, "rows": rows}
    execution["_column_types"] = kinds
