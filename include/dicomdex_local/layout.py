"""Where everything of a local site lies: one run directory (`.run/` of the checkout unless told otherwise)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
CONF = Path(__file__).resolve().parent / "conf"


@dataclass(frozen=True)
class RunDir:
    """Paths below a run directory. `create()` makes those that must exist, readable by their owner alone."""

    root: Path

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def pids(self) -> Path:
        return self.root / "pids"

    @property
    def solr(self) -> Path:
        return self.root / "solr"

    @property
    def airflow(self) -> Path:
        return self.root / "airflow"

    @property
    def spark(self) -> Path:
        return self.root / "spark"

    @property
    def spark_conf(self) -> Path:
        return self.root / "spark-conf"

    def create(self) -> None:
        """Make the directories; mode 0700, since logs and secrets are nobody else's business."""
        for path in (self.root, self.secrets, self.logs, self.pids, self.solr, self.airflow, self.spark):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.spark_conf.mkdir(mode=0o700, exist_ok=True)
        self.root.chmod(0o700)


def default_run_dir() -> Path:
    """`DICOMDEX_RUN`, else `.run/` of the checkout."""
    return Path(os.environ.get("DICOMDEX_RUN") or REPO / ".run").absolute()


def default_jars_dir(run_dir: Path | None = None) -> Path:
    """`DICOMDEX_JARS`, else `jars/` of the run directory."""
    return Path(os.environ.get("DICOMDEX_JARS") or (run_dir or default_run_dir()) / "jars").absolute()
