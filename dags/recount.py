"""# Does everything still agree?

Every night, and whenever it is triggered: **files** lists the landing area again and compares every drop with its
manifest and the catalog, **recount** (under the slot) compares every document behind the alias with the catalog: new,
changed and gone files, and missing, extra and wrong documents, the first ten by name. Red = look at the run's **Drop**
tab: start the drops it names again.

Nothing is changed unless `mend` is asked for: then **mend** (Spark, under the slot) first builds the studies of
documents again that are missing, too much or altered. What stays red needs `rebuild_collection`.
"""

from datetime import timedelta

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG, CronTriggerTimetable, TriggerRule

from dicomdex_airflow import spark
from dicomdex_airflow.flow import SOLR_COMES_BACK, TASK_DEFAULTS
from dicomdex_airflow.forms import recount_params
from dicomdex_airflow.operators.recount import RecountFilesOperator, RecountOperator

with DAG(
    "recount",
    dag_display_name="Recount",
    doc_md=__doc__,
    schedule=CronTriggerTimetable("30 2 * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={**TASK_DEFAULTS, **SOLR_COMES_BACK},
    params=recount_params(),
    user_defined_macros=spark.MACROS,
    tags=["dicomdex"],
):
    files = RecountFilesOperator(task_id="files", execution_timeout=timedelta(hours=6), mend="mend", recount="recount")
    mend = SparkSubmitOperator(
        task_id="mend",
        pool="solr_writer",
        execution_timeout=timedelta(hours=6),
        name="dicomdex-mend",
        application=spark.application("apply_changes.py"),
        application_args=["--mend", "--run", "{{ run_id }}"],
        **spark.SUBMIT,
    )
    recount = RecountOperator(
        task_id="recount",
        pool="solr_writer",
        execution_timeout=timedelta(hours=6),
        files=files.output["files"],
        trigger_rule=TriggerRule.NONE_FAILED,
    )

    files >> mend >> recount
    files >> recount
