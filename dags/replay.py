"""### Replay: make a logged decision once more, and prove that it comes out the same

Trigger it with `decision_id`, as the API answered it. It runs in the image that the decision's
model was registered with, unseals the logged input in memory, and compares PD, points, band,
decision and reasons to the last bit. What came of it lies at
`replays/<portfolio>/<decision_id>/replay.json` in the model bucket, without an applicant's value.

**Rerun:** clear the run from the task that failed; a replay changes nothing.

**When it fails, look first at**
- `find_decision`: no decision of that id is in the log, or its time is over.
- `again`: the job's log group, `/aws/sagemaker/ProcessingJobs`.
- `compare`: the error names what differs, or what is missing: an erased person, a model that is
  gone, code that has moved on.
"""

from airflow.providers.amazon.aws.operators.sagemaker import SageMakerProcessingOperator
from airflow.sdk import DAG, Param, chain, task

from solvencia import portfolio
from solvencia.settings import Settings
from solvencia_airflow import jobs, replays
from solvencia_airflow.defaults import default_args, midnight

DECISION = "{{ params.decision_id }}"
UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


def replay(name: str, settings: Settings) -> DAG:
    product = portfolio.load(name)
    with DAG(
        f"replay_{name}",
        schedule=None,
        start_date=midnight(product.schedule.start),
        catchup=False,
        max_active_runs=1,
        default_args=default_args(settings, product),
        params={
            "decision_id": Param(type="string", pattern=UUID, description="A decision of the log")
        },
        doc_md=__doc__,
        tags=["solvencia", name, "decisions"],
    ) as dag:
        find = task(replays.find_decision)(name, DECISION)
        again = SageMakerProcessingOperator(
            task_id="again",
            config=jobs.replay(settings, product, DECISION),
            wait_for_completion=True,
            check_interval=settings.poll_seconds,
            print_log=False,
        )
        compare = task(replays.compare)(name, DECISION)
        chain(find, again, compare)
    return dag


for _name in portfolio.names():
    globals()[f"replay_{_name}"] = replay(_name, Settings.from_env())
