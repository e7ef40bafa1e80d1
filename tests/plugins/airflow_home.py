"""An Airflow of the tests' own: a fresh home, its SQLite, nothing of the person's. Import it before airflow."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = Path(tempfile.mkdtemp(prefix="dicomdex-airflow-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[name]
os.environ |= {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
    "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__API_AUTH__JWT_SECRET": "of-the-tests-alone-" * 4,
}


@functools.cache
def migrated() -> None:
    """Create the metadata database and our pools, once a session."""
    from airflow.models.pool import Pool
    from airflow.utils.db import initdb

    initdb()
    for pool in ("extract", "spark", "solr_writer"):
        Pool.create_or_update_pool(pool, slots=1, description="", include_deferred=False)
