"""### Score a batch, by hand: a file of the inbox, or a query's rows

Starts the state machine `<stack>-batch`: the input becomes numbered JSON lines, SageMaker scores
them with the live model in a transform job, and the output is joined with the input row by row.
`report` logs the counts. The result lies in the data bucket, below `batches/<portfolio>/<batch>/`:
`result/scored.jsonl.gz`, `result/bad_rows.jsonl.gz`, a picture of the scores, `summary.json` last.

**Run:** put the file into `batches/<portfolio>/inbox/`, trigger with `{"file": "<name>"}`; or with
`{"query": "SELECT …"}` over the portfolio's own tables. **Rerun:** clear the run; it becomes a new
batch with an id of its own, and the old one's result stays.

**When it fails, look first at**
- `check`: the parameters; the error names what is wrong.
- `score`: the error says which step failed, and why. A file that cannot be read is named with its
  row; a transform job's log is the group `/aws/sagemaker/TransformJobs`.
- `report`: a summary that is not there was deleted: clear the run.
"""

from airflow.sdk import DAG, Param, chain, task

from solvencia import portfolio
from solvencia.settings import Settings
from solvencia_airflow import batches
from solvencia_airflow.defaults import default_args, midnight
from solvencia_airflow.operators import RunStateMachineOperator


def score_batch(name: str, settings: Settings) -> DAG:
    product, poll = portfolio.load(name), settings.poll_seconds
    with DAG(
        f"score_batch_{name}",
        schedule=None,
        start_date=midnight(product.schedule.start),
        end_date=None,
        catchup=False,
        max_active_runs=1,
        params={
            "file": Param("", type="string", description="Name of a file in the inbox"),
            "query": Param("", type="string", description="One SELECT; leave the file empty"),
        },
        default_args=default_args(settings, product),
        doc_md=__doc__,
        tags=["solvencia", name, "score"],
    ) as dag:
        asked = task(task_id="check")(batches.check)(
            name, "{{ params.file }}", "{{ params.query }}"
        )
        score = RunStateMachineOperator(
            task_id="score",
            state_machine_arn=settings.batch_state_machine_arn,
            state_machine_input=asked,
            waiter_delay=poll,
            waiter_max_attempts=24 * 3600 // poll,
        )
        chain(asked, score, task(batches.report)(name, score.output))
    return dag


for _name in portfolio.names():
    globals()[f"score_batch_{_name}"] = score_batch(_name, Settings.from_env())
