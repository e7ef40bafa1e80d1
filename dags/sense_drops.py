"""# What has arrived?

A watcher looks at the landing area every second. When a drop is complete (its marker is there or, in a landing area
without markers, nothing in it has changed for a quiet period) this DAG **announces** it as one partition of the
asset `dicom_drops`, which starts one run of `ingest_drop` per drop, and then **remembers** it. A drop whose marker
is written again is a new delivery.

**Trigger** it to look now. It never reads a file of a drop. **To hold ingestion, pause this DAG**, not `ingest_drop`:
Airflow does not keep for a paused DAG what is announced to it meanwhile.
"""

from airflow.sdk import DAG

from dicomdex_airflow.flow import DROPS, LANDING, TASK_DEFAULTS
from dicomdex_airflow.operators.drops import AnnounceDropsOperator, RememberDropsOperator

with DAG(
    "sense_drops",
    dag_display_name="1 · Sense drops",
    doc_md=__doc__,
    schedule=LANDING,
    catchup=False,
    max_active_runs=1,
    default_args=TASK_DEFAULTS,
    tags=["dicomdex"],
):
    announce = AnnounceDropsOperator(task_id="announce", outlets=[DROPS])
    remember = RememberDropsOperator(task_id="remember", seen=announce.output)

    announce >> remember
