"""### Promote: put a registered version onto the endpoint, by hand

The way back to an older version, and the way to override a rejection. Trigger it with `version` (as
the registry, the mail of the gate or the Scorecards show it) and `reason`. A version that the gate
or a person rejected takes a reason of at least 20 characters and a second person who approves it,
whatever the deployment's setting says. See docs/governance.md.

**Rerun:** clear the run from the task that failed. The same version finds its own work.

**When it fails, look first at**
- `find_version`: the error names the registered versions, or what the override lacks.
- `ask` waits for a person (Airflow's "Required Actions"); it failed: the answer did not count, for
  the reason in the error. Clear it, and it asks again.
- `approve`, `evidence`: the error; a rerun finds its own work.
- `endpoint`, `smoke`: the log group `/aws/sagemaker/Endpoints/<endpoint>`.
"""

from airflow.sdk import DAG, Param, chain, task

from solvencia import portfolio
from solvencia.settings import Settings
from solvencia_airflow import versions
from solvencia_airflow.defaults import default_args, midnight
from solvencia_airflow.deployment import deploy

VERSION = "{{ params.version }}"
REASON = "{{ params.reason }}"


def promote(name: str, settings: Settings) -> DAG:
    product = portfolio.load(name)
    with DAG(
        f"promote_{name}",
        schedule=None,
        start_date=midnight(product.schedule.start),
        catchup=False,
        max_active_runs=1,
        default_args=default_args(settings, product),
        params={
            "version": Param(type="string", minLength=1, description="A registered version's name"),
            "reason": Param("", type="string", description="Why this version shall go live"),
        },
        doc_md=__doc__,
        tags=["solvencia", name, "model"],
    ) as dag:
        version = task(versions.find_version)(name, VERSION, REASON)
        chain(version, *deploy(settings, name, version, requested=REASON, is_promotion=True))
    return dag


for _name in portfolio.names():
    globals()[f"promote_{_name}"] = promote(_name, Settings.from_env())
