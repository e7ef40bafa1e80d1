"""# Does everything still agree?

Every night, and whenever it is triggered: the landing area is listed again, every drop compared with its manifest and
the catalog, and every document behind the alias with the catalog: new, changed and gone files, and missing, extra and
wrong documents, the first ten by name. It changes no document. Red = look at the run's **Drop** tab: start the drops
it names again, or, where documents are wrong, trigger `rebuild_collection`.
"""

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable

from dicomdex_airflow.flow import SOLR_COMES_BACK, TASK_DEFAULTS
from dicomdex_airflow.operators.recount import RecountOperator

with DAG(
    "recount",
    dag_display_name="Recount",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("30 2 * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={**TASK_DEFAULTS, **SOLR_COMES_BACK},
    tags=["dicomdex"],
):
    RecountOperator(task_id="recount", pool="solr_writer", execution_timeout=timedelta(hours=6))
