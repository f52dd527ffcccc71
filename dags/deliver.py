"""### Deliver, by hand: a bulk delivery from the landing prefix into raw and archive

Takes over `landing/<portfolio>/<delivery>/`: `manifest.json` and gzipped CSV files. Either every
file is sound and every month that it holds is published, or nothing is.

**Run:** trigger with `{"delivery": "<folder>"}`. **Rerun:** clear the run; the months are replaced
whole by the same bytes.

**When it fails, look first at**
- `accept`: the error lists every file and line. Have the sender land the delivery again.
- `archive`: a checksum that differs means that raw was changed by hand; clear the whole run.
"""

from airflow.sdk import DAG, Param, chain, task

from solvencia import portfolio
from solvencia.settings import Settings
from solvencia_airflow import intake
from solvencia_airflow.defaults import default_args, midnight


def deliver(name: str, settings: Settings) -> DAG:
    product = portfolio.load(name)
    with DAG(
        f"deliver_{name}",
        schedule=None,
        start_date=midnight(product.schedule.start),
        end_date=None,
        catchup=False,
        max_active_runs=1,
        params={
            "delivery": Param(
                type="string",
                pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
                description="Folder below the portfolio's landing prefix",
            )
        },
        default_args=default_args(settings, product),
        doc_md=__doc__,
        tags=["solvencia", name, "ingest"],
    ) as dag:
        accepted = task(intake.accept)(name, "{{ params.delivery }}", "bulk")
        chain(accepted, task(intake.archive)(name, accepted))
    return dag


for _name in portfolio.names():
    globals()[f"deliver_{_name}"] = deliver(_name, Settings.from_env())
