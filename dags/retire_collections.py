"""# Delete collections that nobody needs

Keeps the collection that the alias shows and the newest others, `keep` in all. Never touched: a collection behind any
alias, and one that a running rebuild is making. A rebuild does the same at its end.
"""

from airflow.sdk import DAG

from dicomdex_airflow.flow import SOLR_COMES_BACK, TASK_DEFAULTS
from dicomdex_airflow.forms import retire_params
from dicomdex_airflow.operators.rebuild import RetireCollectionsOperator

with DAG(
    "retire_collections",
    dag_display_name="Retire collections",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args={**TASK_DEFAULTS, **SOLR_COMES_BACK},
    params=retire_params(),
    tags=["dicomdex"],
):
    RetireCollectionsOperator(task_id="retire", pool="solr_writer")
