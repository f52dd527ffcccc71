"""### Build a model: from one catalogued month to the live endpoint

Prepares what has matured by the end of the month, validates and cleans it, trains, measures out of
time beside the live champion, and registers the version. What passes the gate and is approved goes
onto the endpoint in place. Started by the asset `<portfolio>_catalogued`, one run for each month;
an older month never replaces a newer model (`promote` does).

**Rerun:** clear the run from the task that failed (from `clear_prepared`, if `prepare` ran), or
trigger it with a partition key `YYYY-MM`. The same data gives the same files and model.

**When it fails, look first at**
- `prepare`, `register_table`, `reconcile`: the query in Athena's history; the portfolio's SQL.
- `check_reconciled`, `check_cleaned`: the counts in the error and in `reports/`.
- `validate`: the Data Docs that the error names.
- `clean`: the part and the reason in the error; then the log group of the clean Lambda.
- `train`, `evaluate`: the job's own log, in the task's log; the reason stands in the error.
- `find_champion`, `register`, `approve`, `evidence`: the error; a rerun finds its own work.
- `gate`: every reason stands in the error; the version is registered as Rejected, its report and
  evidence pack lie below `versions/`. `promote` overrides it.
- `ask` waits for a person (Airflow's "Required Actions"); it failed: the answer did not count, for
  the reason in the error. Clear it, and it asks again.
- `endpoint`, `smoke`: the log group `/aws/sagemaker/Endpoints/<endpoint>`.
"""

from functools import partial

from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.providers.amazon.aws.operators.s3 import S3DeleteObjectsOperator
from airflow.sdk import DAG, Asset, PartitionedAssetTimetable, chain, task

from solvencia import layout, portfolio
from solvencia.settings import Settings
from solvencia_airflow import jobs, stages, versions
from solvencia_airflow.defaults import default_args, midnight
from solvencia_airflow.deployment import deploy
from solvencia_airflow.operators import (
    ProcessOperator,
    RunStateMachineOperator,
    TrainModelOperator,
)

PERIOD = "{{ partition_key }}"


def build_model(name: str, settings: Settings) -> DAG:
    product = portfolio.load(name)
    poll, bucket = settings.poll_seconds, settings.data_bucket
    athena = {
        "database": settings.database(name),
        "workgroup": settings.workgroup,
        "sleep_time": poll,
        "params": {"parts": product.split.parts, "window_months": product.label.window_months},
    }
    with DAG(
        f"build_model_{name}",
        schedule=PartitionedAssetTimetable(assets=Asset(f"{name}_catalogued")),
        start_date=midnight(product.schedule.start),
        end_date=None,  # the month of schedule.end is catalogued, and built, after it is over
        catchup=False,
        max_active_runs=1,
        template_searchpath=str(layout.PORTFOLIOS / name),
        default_args=default_args(settings, product),
        doc_md=__doc__,
        tags=["solvencia", name, "model"],
    ) as dag:
        clear = S3DeleteObjectsOperator.partial(task_id="clear_prepared", bucket=bucket).expand(
            prefix=layout.built_prefixes(name, PERIOD)
        )
        prepare = AthenaOperator(
            task_id="prepare",
            query=jobs.unload(settings, product, PERIOD),
            pre_execute=partial(stages.begin_prepare, name),
            **athena,
        )
        reconcile = AthenaOperator(task_id="reconcile", query="reconcile.sql", **athena)
        reconciled = task(stages.check_reconciled)(name, PERIOD, reconcile.output)
        clean = RunStateMachineOperator(
            task_id="clean",
            state_machine_arn=settings.clean_state_machine_arn,
            state_machine_input=jobs.clean_input(product, PERIOD),
            waiter_delay=poll,
            waiter_max_attempts=6 * 3600 // poll,
        )
        train = TrainModelOperator(
            task_id="train",
            config=jobs.training(settings, product, PERIOD),
            print_log=False,
            check_interval=poll,
        )
        evaluate = ProcessOperator(
            task_id="evaluate",
            config=jobs.evaluation(settings, product, PERIOD),
            check_interval=poll,
        )
        champion = task(versions.find_champion)(name, train.output)
        version = task(versions.register)(name, PERIOD, train.output, champion)
        chain(
            clear,
            prepare,
            task(stages.register_table)(name, PERIOD),
            reconcile,
            reconciled,
            task(stages.validate)(name, PERIOD),
            clean,
            task(stages.check_cleaned)(name, PERIOD, clean.output, reconciled),
            train,
            champion,
            evaluate,
            version,
            task(versions.gate)(name, version),
            *deploy(settings, name, version, is_promotion=False),
        )
    return dag


for _name in portfolio.names():
    globals()[f"build_model_{_name}"] = build_model(_name, Settings.from_env())
