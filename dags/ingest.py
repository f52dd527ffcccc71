"""### Ingest, monthly: one month of the lender's warehouse into raw, archive and catalogue

Copies the month's rows of every table by SQL, archives them in S3 Glacier, crawls, and holds what
the crawler inferred against the portfolio. At the end the month is announced as a partition of the
asset `<portfolio>_catalogued`, which starts `build_model`.

**Rerun:** clear the run, or run a backfill for several months: a partition is replaced whole, and
the same rows give the same bytes.

**When it fails, look first at**
- `ingest`: the error names table, column and key; the connection is `warehouse` in the portfolio.
- `archive`: a checksum that differs means that raw was changed by hand; ingest again.
- `crawl`: the crawler's log, `/aws-glue/crawlers`.
- `catalogue`: the error lists each column; either the data or the portfolio is wrong.
"""

from airflow.providers.amazon.aws.operators.glue_crawler import GlueCrawlerRunOperator
from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, chain, task

from solvencia import portfolio
from solvencia.settings import Settings
from solvencia_airflow import intake
from solvencia_airflow.defaults import default_args, midnight

PERIOD = "{{ data_interval_start.strftime('%Y-%m') }}"


def ingest(name: str, settings: Settings) -> DAG:
    product = portfolio.load(name)
    catalogued = Asset(f"{name}_catalogued")
    with DAG(
        f"ingest_{name}",
        schedule=CronDataIntervalTimetable("@monthly", timezone="UTC"),
        start_date=midnight(product.schedule.start),
        end_date=midnight(product.schedule.end),
        catchup=False,
        max_active_runs=1,
        default_args=default_args(settings, product),
        doc_md=__doc__,
        tags=["solvencia", name, "ingest"],
    ) as dag:
        crawl = GlueCrawlerRunOperator(
            task_id="crawl",
            crawler_name=settings.crawler(name),
            poll_interval=settings.poll_seconds,
            fail_on_already_running=False,
        )

        @task(outlets=[catalogued])
        def catalogue(period: str, *, outlet_events) -> None:
            intake.catalogue(name, period, catalogued, outlet_events)

        chain(
            task(intake.ingest)(name, PERIOD),
            task(intake.archive)(name, PERIOD),
            crawl,
            catalogue(PERIOD),
        )
    return dag


for _name in portfolio.names():
    globals()[f"ingest_{_name}"] = ingest(_name, Settings.from_env())
