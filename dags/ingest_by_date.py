"""# One drop a day, and the days again

At midnight UTC this DAG asks for yesterday's drop (`2026-11-20`), waits for it without holding a worker up to
`DICOMDEX_LATE` after midnight, and announces it to `ingest_drop`. A drop that does not come fails the run.

**To ingest days again**: Trigger → Backfill, choose the days and, where all files are to be read again, `force`.
A day long past is not waited for. For a feed with gaps set `missing` to `skip`.
"""

from airflow.sdk import DAG, CronPartitionTimetable, Param

from dicomdex_airflow.flow import DROPS, TASK_DEFAULTS, run_params
from dicomdex_airflow.operators.drops import AnnounceDropOperator
from dicomdex_airflow.sensors.drop import DicomDropSensor

MISSING = Param(
    "fail",
    type="string",
    enum=["fail", "skip"],
    title="Missing",
    description="What a drop that does not come means: an error, or a day without a drop.",
)

with DAG(
    "ingest_by_date",
    dag_display_name="Ingest by date",
    doc_md=__doc__,
    schedule=CronPartitionTimetable("0 0 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"),
    catchup=False,
    default_args=TASK_DEFAULTS,
    params={**run_params(), "missing": MISSING},
    tags=["dicomdex"],
):
    wait_for_drop = DicomDropSensor(task_id="wait_for_drop", poke_interval=5)
    announce = AnnounceDropOperator(task_id="announce", outlets=[DROPS])

    wait_for_drop >> announce
