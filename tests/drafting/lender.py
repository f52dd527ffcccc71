"""A lender's export, made by a seed: Spanish names, codes, a planted leak, a protected column.

`python tests/drafting/lender.py FOLDER` writes it as prestamos.csv (decimal comma, semicolons).
"""

from __future__ import annotations

import csv
import io
import sys
from pathlib import Path

import numpy as np

SEED = 11
ROWS = 2000
HOUSING = ("alquiler", "propia", "familiar")
CODE_OF_ARREARS, CODE_OF_SENIORITY = 777, -7


def rows(count: int, seed: int = SEED) -> list[dict[str, str]]:
    """Return applications whose risk follows use of the card, arrears and income."""
    rng = np.random.default_rng(seed)
    use = rng.beta(0.8, 1.6, count)
    arrears = rng.poisson(0.4, count)
    income = rng.lognormal(7.3, 0.5, count)
    seniority = rng.integers(0, 240, count)
    housing = rng.choice(3, count, p=(0.4, 0.45, 0.15))
    age = rng.integers(19, 78, count)
    log_odds = -1.8 + 2.6 * use + 0.9 * arrears - 0.6 * (np.log(income) - 7.3)
    log_odds += 0.4 * (housing == 0) - 0.003 * seniority
    bad = rng.random(count) < 1 / (1 + np.exp(-log_odds))
    days = np.datetime64("2023-01-01") + rng.integers(0, 24 * 30, count)
    coded = arrears.astype(int)
    coded[rng.random(count) < 0.02] = CODE_OF_ARREARS
    worked = seniority.astype(int)
    worked[rng.random(count) < 0.04] = CODE_OF_SENIORITY
    no_income = rng.random(count) < 0.08
    recovered = np.where(bad, rng.lognormal(6, 1, count), np.nan)
    return [
        {
            "Nº Solicitud": f"S-{100000 + 7 * n}",
            "Fecha de Solicitud": "{2}/{1}/{0}".format(*str(days[n]).split("-")),
            "Nombre": f"Persona {n}",
            "Género": "MF"[int(rng.integers(2))],
            "Edad (años)": str(age[n]),
            "Ingreso Mensual": "" if no_income[n] else f"{income[n]:.2f}",
            "Gasto Mensual": "" if no_income[n] else f"{income[n] * 0.4:.2f}",
            "Uso de la Tarjeta": f"{use[n]:.4f}",
            "Atrasos": str(coded[n]),
            "Antigüedad Empleo (meses)": str(worked[n]),
            "Vivienda": HOUSING[housing[n]],
            "Monto Recuperado": "" if np.isnan(recovered[n]) else f"{recovered[n]:.2f}",
            "Saldo Final": f"{(3000 if bad[n] else 100) + 300 * rng.random():.2f}",
            "Estado": "moroso" if bad[n] else "al día",
        }
        for n in range(count)
    ]


def text(table: list[dict[str, str]], delimiter: str = ";", decimal: str = ",") -> str:
    """Return the rows as CSV; numbers have `decimal` between whole and fraction."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(table[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    for row in table:
        writer.writerow({name: _write(value, decimal) for name, value in row.items()})
    return buffer.getvalue()


def _write(value: str, decimal: str) -> str:
    is_number = value.replace(".", "", 1).isdigit()
    return value.replace(".", decimal) if is_number else value


if __name__ == "__main__":
    target = Path(sys.argv[1]) / "prestamos.csv"
    target.write_text(text(rows(6000)), encoding="cp1252")
    print(target)
