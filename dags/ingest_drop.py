"""# One drop, from listing to verdict

**manifest** freezes the listing of the drop and cuts it into batches, **extract** reads the headers of each batch,
**commit** puts the drop into the catalog as a whole, **apply** (Spark) brings Solr's collection up to the catalog,
**validate** compares landing area, catalog and Solr. The run's **Drop** tab shows the ledger and the verdict.

Runs are started by `sense_drops` and `ingest_by_date`. **To ingest one drop by hand**: Trigger, its key under `drop`.
A drop that has not changed is not read again unless `force` is set; a drop that has lost more of its records than
the shrink limit is refused unless `allow_shrink` is set. To hold ingestion pause `sense_drops`, not this DAG.
"""

from datetime import timedelta

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG, PartitionedAssetTimetable, TriggerRule

from dicomdex_airflow import spark
from dicomdex_airflow.flow import DROPS, INDEXED, SOLR_COMES_BACK, TASK_DEFAULTS, run_params
from dicomdex_airflow.forms import spark_params
from dicomdex_airflow.operators.commit import CommitDropOperator
from dicomdex_airflow.operators.extract import ExtractBatchOperator
from dicomdex_airflow.operators.manifest import BuildManifestOperator
from dicomdex_airflow.operators.validate import ValidateDropOperator

with DAG(
    "ingest_drop",
    dag_display_name="2 · Ingest drop",
    doc_md=__doc__,
    schedule=PartitionedAssetTimetable(assets=DROPS),
    catchup=False,
    max_active_runs=2,
    default_args=TASK_DEFAULTS,
    params={**run_params(), **spark_params()},
    user_defined_macros=spark.MACROS,
    tags=["dicomdex"],
):
    manifest = BuildManifestOperator(task_id="manifest")
    extract = ExtractBatchOperator.partial(
        task_id="extract",
        pool="extract",
        retries=3,
        execution_timeout=timedelta(hours=6),
        map_index_template="{{ task.batch['label'] }}",
    ).expand(batch=manifest.output)
    commit = CommitDropOperator(
        task_id="commit",
        listing=manifest.output["listing"],
        results=extract.output,
        trigger_rule=TriggerRule.NONE_FAILED,  # a drop without batches skips extract and is committed all the same
    )
    apply = SparkSubmitOperator(
        task_id="apply",
        pool="solr_writer",
        **SOLR_COMES_BACK,
        execution_timeout=timedelta(hours=6),
        name="dicomdex-apply",
        application=spark.application("apply_changes.py"),
        application_args=["--run", "{{ run_id }}"],
        **spark.SUBMIT,
    )
    validate = ValidateDropOperator(task_id="validate", pool="solr_writer", outlets=[INDEXED], **SOLR_COMES_BACK)

    manifest >> extract >> commit >> apply >> validate
