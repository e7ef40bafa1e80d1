"""# Go back to a collection that is kept

**find** names the collection (`collection`, or the one before the one shown) and the drops it lacks. Then **promote**
(Spark, under the slot) applies what it lacks, checks it and points the alias at it: nothing that was ingested is lost.

With `as_was` it is shown without what was ingested since: **approve** shows the gap in drops and waits up to a day for
a person's Approve or Reject (tab "Required Actions"); then **point_back** checks it and moves the alias, in seconds.
The next drop that is ingested brings it up to date: to keep it as it was, pause `sense_drops` and `ingest_by_date`.
"""

from datetime import timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG

from dicomdex_airflow import spark
from dicomdex_airflow.flow import SHOWN, SOLR_COMES_BACK, TASK_DEFAULTS
from dicomdex_airflow.forms import roll_back_params
from dicomdex_airflow.operators.promote import (
    FindCollectionOperator,
    PointBackOperator,
    PromoteCollectionOperator,
)

FOUND = "ti.xcom_pull('find', key='found')"

with DAG(
    "roll_back_collection",
    dag_display_name="Roll back collection",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args={**TASK_DEFAULTS, **SOLR_COMES_BACK},
    params=roll_back_params(),
    user_defined_macros=spark.MACROS,
    tags=["dicomdex"],
):
    find = FindCollectionOperator(task_id="find", as_was="approve", up_to_date="promote")
    promote = PromoteCollectionOperator(
        task_id="promote",
        pool="solr_writer",
        execution_timeout=timedelta(hours=6),
        collection=f"{{{{ {FOUND}['collection'] }}}}",
        outlets=[SHOWN],
        **spark.SUBMIT,
    )
    approve = ApprovalOperator(
        task_id="approve",
        subject=f"Show {{{{ {FOUND}['collection'] }}}} as it was?",
        body="{{ ti.xcom_pull('find', key='gap') }}",
        response_timeout=timedelta(days=1),
        execution_timeout=None,  # who is asked may take longer than an hour
        retries=0,
    )
    point_back = PointBackOperator(
        task_id="point_back", pool="solr_writer", found=find.output["found"], outlets=[SHOWN]
    )

    find >> promote
    find >> approve >> point_back
