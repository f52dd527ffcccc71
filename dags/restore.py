"""### Restore, by hand: one month from the archive back into raw

Asks S3 Glacier for readable copies, waits for them (hours; the sensor frees its slot meanwhile),
then replaces the month's raw partitions, each object verified by its SHA-256, the manifest last.

**Run:** trigger with `{"period": "YYYY-MM"}`. **Rerun:** clear the run; what is thawed stays so for
three days.

**When it fails, look first at**
- `request`: a month that was never archived; ingest or deliver it instead.
- `wait`: 3 to 5 hours are usual; after two days it gives up.
- `rebuild`: a checksum that differs means that the archive's copy is damaged; nothing is left of
  the month in raw then: ingest or deliver it again.
"""

from datetime import timedelta

from airflow.sdk import DAG, Param, chain, task

from solvencia import portfolio
from solvencia.settings import Settings
from solvencia_airflow import intake
from solvencia_airflow.defaults import default_args, midnight

PERIOD = "{{ params.period }}"


def restore(name: str, settings: Settings) -> DAG:
    product = portfolio.load(name)
    with DAG(
        f"restore_{name}",
        schedule=None,
        start_date=midnight(product.schedule.start),
        end_date=None,
        catchup=False,
        max_active_runs=1,
        params={
            "period": Param(
                type="string",
                pattern=r"^\d{4}-(0[1-9]|1[0-2])$",
                description="Month to restore, YYYY-MM",
            )
        },
        default_args=default_args(settings, product),
        doc_md=__doc__,
        tags=["solvencia", name, "restore"],
    ) as dag:
        wait = task.sensor(
            task_id="wait",
            mode="reschedule",
            poke_interval=settings.poll_seconds * 10,
            timeout=timedelta(days=2).total_seconds(),
        )(intake.is_restored)
        chain(
            task(task_id="request")(intake.request_restore)(name, PERIOD),
            wait(name, PERIOD),
            task(intake.rebuild)(name, PERIOD),
        )
    return dag


for _name in portfolio.names():
    globals()[f"restore_{_name}"] = restore(_name, Settings.from_env())
