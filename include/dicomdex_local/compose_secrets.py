"""`make secrets`: what docker-compose.yaml mounts, generated once, in `.run/compose`, each secret a file of mode 0600.

Containers run as the user that made the files: a secret that only its owner may read is a bind mount, and keeps owner
and mode. `.env` beside docker-compose.yaml tells Compose who that is. Nothing that exists is written again.
"""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64encode
from pathlib import Path

from dicomdex_local import secret_files, spark
from dicomdex_local.layout import REPO, RunDir, default_run_dir
from dicomdex_local.redis import configuration
from dicomdex_local.solr_security import SolrSecrets
from dicomdex_local.spark_cluster import SparkCluster

# Who the containers are where root makes the secrets: root itself must not be it.
INSTEAD_OF_ROOT = 50_000
SPARK_PORT = 7077
USERS = {"admin": "Admin", "viewer": "Viewer"}
# What the driver in the Airflow worker tells the executors, and what they are told of HDFS.
SPARK = {
    "spark.driver.bindAddress": "0.0.0.0",  # noqa: S104 # inside its container
    "spark.local.dir": "/var/lib/dicomdex/spark/local",
    "spark.sql.warehouse.dir": "/var/lib/dicomdex/spark/warehouse",
    "spark.hadoop.dfs.client.use.datanode.hostname": "true",
    "spark.hadoop.dfs.client.block.write.locateFollowingBlock.initial.delay.ms": "5",
}


def ensure(root: Path, environment_file: Path) -> RunDir:
    """Make what is missing below `root`, and the file with the containers' user."""
    run = RunDir(root.absolute())
    run.create()
    (run.root / "landing").mkdir(mode=0o750, exist_ok=True)
    secrets = run.secrets
    SolrSecrets(secrets).ensure()
    secret_files.once(secrets / "airflow_users.json", _users)
    secret_files.once(secrets / "fernet_key", lambda: urlsafe_b64encode(os.urandom(32)).decode())
    for name in ("jwt_secret", "api_secret_key", "web_airflow"):
        secret_files.once(secrets / name, lambda: secret_files.password() * 2)
    _metadata(secrets)
    cluster = SparkCluster(run, SPARK_PORT)
    cluster.write_daemon_conf()
    spark.write_conf(run, {**cluster.defaults(), **SPARK})
    _let_the_worker_name_itself(run.spark_conf / "spark-defaults.conf")
    owner = _owner()
    secret_files.once(environment_file, lambda: f"DICOMDEX_UID={owner[0]}\nDICOMDEX_GID={owner[1]}\n")
    if os.geteuid() == 0:
        for path in (run.root, *run.root.rglob("*")):
            os.chown(path, *owner)
    return run


def _metadata(secrets: Path) -> None:
    """PostgreSQL's and Redis' passwords, and the URLs that hold them."""
    postgres = secret_files.once(secrets / "postgres_password")
    redis = secret_files.once(secrets / "redis_password")
    files = {
        "postgres_url": f"postgresql+psycopg2://airflow:{postgres}@postgres:5432/airflow",
        "celery_result_url": f"db+postgresql+psycopg2://airflow:{postgres}@postgres:5432/airflow",
        "celery_broker_url": f"redis://:{redis}@redis:6379/0",
        "redis.conf": configuration(redis, "redis", 6379),
    }
    for name, text in files.items():
        secret_files.write_secret(secrets / name, text)


def _let_the_worker_name_itself(conf: Path) -> None:
    """Executors call the driver back by SPARK_LOCAL_HOSTNAME, which each worker has of its own."""
    lines = [line for line in conf.read_text().splitlines() if not line.startswith("spark.driver.host ")]
    secret_files.write_secret(conf, "".join(f"{line}\n" for line in lines))


def _users() -> str:
    """Airflow's first users, as compose/init_airflow.py reads them."""
    users = [{"username": name, "role": role, "password": secret_files.password()} for name, role in USERS.items()]
    return json.dumps(users, indent=1) + "\n"


def _owner() -> tuple[int, int]:
    return (os.getuid(), os.getgid()) if os.geteuid() else (INSTEAD_OF_ROOT, INSTEAD_OF_ROOT)


if __name__ == "__main__":
    made = ensure(default_run_dir() / "compose", REPO / ".env")
    print(f"secrets lie in {made.secrets}; Airflow's users and passwords in airflow_users.json there")
