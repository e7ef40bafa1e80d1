"""Before Airflow starts: its metadata database up to date, pools, the first users; repeating it is harmless.

Passwords come from a file of mode 0600, never from arguments, which everybody sees in `ps`. A user who exists keeps
password and role.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

# One extraction a core, one Spark application at a time, one writer of a collection at a time.
POOLS = {"extract": len(os.sched_getaffinity(0)), "spark": 1, "solr_writer": 1}


def main(users_file: Path) -> None:
    subprocess.run([sys.executable, "-m", "airflow", "db", "migrate"], check=True)
    make_pools()
    make_users(json.loads(users_file.read_text()))


def make_pools() -> None:
    """Pools that are missing; the slots of one that a person has changed stay."""
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session

    with create_session() as session:
        for name, slots in POOLS.items():
            if Pool.get_pool(name, session=session) is None:
                Pool.create_or_update_pool(name, slots, "", include_deferred=False, session=session)


def make_users(users: list[dict[str, str]]) -> None:
    """Users of the FAB auth manager that are missing."""
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    with get_application_builder() as builder:
        security = builder.sm
        for user in users:
            if security.find_user(username=user["username"]) is None:
                name = user["username"]
                role = security.find_role(user["role"])
                security.add_user(name, name, "dicomdex", f"{name}@localhost", role, password=user["password"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
