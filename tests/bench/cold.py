"""Times `make run` on a bare clone: with empty caches, after `make down`, and while everything is up."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from dicomdex_local.errors import SiteError
from dicomdex_local.layout import REPO
from dicomdex_local.ports import Ports


def make_run_seconds(say: Callable[[str], None]) -> dict[str, float]:
    """Seconds of `make run`: `cold`, `warm` (installed and ingested, but nothing runs), `again` (all is up)."""
    with tempfile.TemporaryDirectory(prefix="dicomdex-cold-", ignore_cleanup_errors=True) as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "-q", str(REPO), str(clone)], check=True)
        environment = _bare_environment(Path(folder) / "caches")
        seconds: dict[str, float] = {}
        try:
            for name, before in (("cold", None), ("warm", "down"), ("again", None)):
                if before:
                    _make(clone, before, environment)
                begun = time.monotonic()
                _make(clone, "run", environment)
                seconds[name] = time.monotonic() - begun
                say(f"make run, {name}: {seconds[name]:.0f} s")
        finally:
            _make(clone, "down", environment)
    return seconds


def _bare_environment(caches: Path) -> dict[str, str]:
    """The person's environment with empty caches of uv, pip and Maven, free ports and no setting of dicomdex."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DICOMDEX_", "VIRTUAL_ENV"))}
    ports = Ports.free()
    return {
        **kept,
        "UV_CACHE_DIR": str(caches / "uv"),
        "PIP_CACHE_DIR": str(caches / "pip"),
        # Java takes the home directory from the user's entry, not from HOME.
        "MAVEN_OPTS": f"-Dmaven.repo.local={caches / 'm2'}",
        "DICOMDEX_SOLR_PORT": str(ports.solr),
        "DICOMDEX_ZOOKEEPER_PORT": str(ports.zookeeper),
        "DICOMDEX_AIRFLOW_PORT": str(ports.airflow),
    }


def _make(clone: Path, target: str, environment: dict[str, str]) -> None:
    """SiteError with the last lines of what make said when it fails."""
    done = subprocess.run(["make", target], cwd=clone, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise SiteError(f"make {target} ended with {done.returncode}:\n{last}")
