"""# Rebuild the collection that people search, unnoticed

**plan** pins the catalog's version and says who else is rebuilding, **create** makes an empty collection beside the
one shown, **index_all** (Spark) fills it, **check** compares it with the catalog, **promote** (Spark, under the slot)
applies what was ingested meanwhile, checks again and points the alias at it, **retire** deletes what is no longer
kept. A red check stops the run with its sentence and people go on with the collection they have; the next rebuild
removes what this one left. **release** gives the alias back, however the run went.

**Trigger** it after a change of attributes, or when `recount` stays red. `dry_run` says what it would do. A date range
needs another `alias` than the one people search. The run's **Drop** tab shows the verdict.
"""

from datetime import timedelta

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG

from dicomdex_airflow import spark
from dicomdex_airflow.flow import SHOWN, SOLR_COMES_BACK, TASK_DEFAULTS
from dicomdex_airflow.forms import rebuild_params
from dicomdex_airflow.operators.promote import PromoteCollectionOperator
from dicomdex_airflow.operators.rebuild import (
    CheckCollectionOperator,
    CreateCollectionOperator,
    PlanRebuildOperator,
    ReleaseRebuildOperator,
    RetireCollectionsOperator,
)

COLLECTION = "{{ ti.xcom_pull('plan')['collection'] }}"

with DAG(
    "rebuild_collection",
    dag_display_name="Rebuild collection",
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    default_args={**TASK_DEFAULTS, **SOLR_COMES_BACK},
    params=rebuild_params(),
    user_defined_macros=spark.MACROS,
    tags=["dicomdex"],
):
    plan = PlanRebuildOperator(task_id="plan")
    create = CreateCollectionOperator(task_id="create", plan=plan.output)
    index_all = SparkSubmitOperator(
        task_id="index_all",
        pool="spark",
        execution_timeout=timedelta(hours=12),
        name="dicomdex-index-all",
        application=spark.application("index_collection.py"),
        application_args=["--collection", COLLECTION, "--run", "{{ run_id }}"],
        **{**spark.SUBMIT, "conf": spark.CONF_LONG},
    )
    check = CheckCollectionOperator(task_id="check", plan=plan.output)
    promote = PromoteCollectionOperator(
        task_id="promote",
        pool="solr_writer",
        execution_timeout=timedelta(hours=6),
        collection=COLLECTION,
        outlets=[SHOWN],
        **spark.SUBMIT,
    )
    retire = RetireCollectionsOperator(task_id="retire", pool="solr_writer")
    # A teardown: it runs however the rest went; who clears a task and what follows clears `plan`, its setup, with them.
    release = ReleaseRebuildOperator(task_id="release").as_teardown(setups=plan)

    plan >> create >> index_all >> check >> promote >> retire >> release
