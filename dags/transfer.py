"""### Transfer, by hand: a delivery from the lender's export folder, by DataSync, into raw

DataSync copies one folder of the file server to `landing/<portfolio>/<delivery>/`; from there it is
accepted like any bulk delivery.

**Run:** trigger with `{"delivery": "<folder>"}`. **Rerun:** clear the run; DataSync copies what
changed, and the months are replaced whole.

**When it fails, look first at**
- `transfer`: the task execution in DataSync, and its log group `/aws/datasync/<stack>`.
- `accept`: the error lists every file and line. Have the sender export the delivery again.
- `archive`: a checksum that differs means that raw was changed by hand; clear the whole run.
"""

from airflow.providers.amazon.aws.operators.datasync import DataSyncOperator
from airflow.sdk import DAG, Param, chain, task

from solvencia import layout, portfolio
from solvencia.settings import Settings
from solvencia_airflow import intake
from solvencia_airflow.defaults import default_args, midnight


def transfer(name: str, settings: Settings) -> DAG:
    product = portfolio.load(name)
    with DAG(
        f"transfer_{name}",
        schedule=None,
        start_date=midnight(product.schedule.start),
        end_date=None,
        catchup=False,
        max_active_runs=1,
        params={
            "delivery": Param(
                type="string",
                pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
                description="Folder of the lender's exports",
            )
        },
        default_args=default_args(settings, product),
        doc_md=__doc__,
        tags=["solvencia", name, "ingest"],
    ) as dag:
        # The template made the task, between the export folder and the landing prefix.
        transfer = DataSyncOperator(
            task_id="transfer",
            source_location_uri=settings.datasync_source_uri(name),
            destination_location_uri=f"s3://{settings.data_bucket}/{layout.landing_prefix(name)}",
            task_execution_kwargs={
                "Includes": [{"FilterType": "SIMPLE_PATTERN", "Value": "/{{ params.delivery }}"}]
            },
            wait_interval_seconds=settings.poll_seconds,
            max_iterations=24 * 3600 // settings.poll_seconds,
        )
        accepted = task(intake.accept)(name, "{{ params.delivery }}", "files")
        chain(transfer, accepted, task(intake.archive)(name, accepted))
    return dag


for _name in portfolio.names():
    globals()[f"transfer_{_name}"] = transfer(_name, Settings.from_env())
