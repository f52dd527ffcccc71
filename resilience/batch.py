"""`python -m resilience.batch FOLDER`: PDs of FOLDER/train by the model in FOLDER/model, in batch.

Prints a JSON object of the PDs by the rows' keys. It runs in the model's environment.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from solvencia import features, model, portfolio
from solvencia.container import cleaned_data


def main(folder: Path) -> None:
    """Read, predict, print."""
    trained = model.load(folder / "model")
    product = portfolio.load(trained.portfolio)
    columns = cleaned_data.read(product, folder / "train")
    pds = trained.predict(features.build(product, columns, trained.features))
    keys = columns[product.key.name].tolist()
    json.dump(dict(zip(map(str, keys), pds.tolist(), strict=True)), sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
