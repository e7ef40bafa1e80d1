"""Airflow's four components as one background program: `python -m dicomdex_local.supervisor RUN_DIR`.

A component that ends is started again, at most three times; then everything stops and the reason is in
`airflow/stopped_because`. (`airflow standalone` leaves orphans when it is stopped.)
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import psutil

from dicomdex_local.layout import RunDir
from dicomdex_local.pids import PidRecord, running, tree

# Logs are read from the shared folder by the api-server, so the two log servers are not needed.
COMPONENTS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
MODULES = {"scheduler": "dicomdex_local.warm"}
STARTS = 4
TERM_SECONDS = 20.0


class Supervisor:
    """Starts, watches and stops the components; its environment is theirs."""

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.starts: Counter[str] = Counter()
        self.ending = threading.Event()

    def work(self) -> int:
        """Until told to end (0) or a component can't be kept up (1)."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.ending.set())
        try:
            reason = self._migrate() or self._watch()
        finally:
            self._stop_all()
        if reason:
            (self.run.airflow / "stopped_because").write_text(f"{reason}\n")
        return 1 if reason else 0

    def _migrate(self) -> str:
        """Bring the database up to date, once per Airflow version; the reason when it failed."""
        import importlib.metadata

        stamp = self.run.airflow / "migrated"
        version = importlib.metadata.version("apache-airflow-core")
        if stamp.exists() and stamp.read_text() == version and (self.run.airflow / "airflow.db").exists():
            return ""
        child = self._start("db-migrate", ["db", "migrate"])
        while child.poll() is None and not self.ending.wait(0.05):
            pass
        if child.poll() == 0:
            stamp.write_text(version)
            return ""
        return "" if self.ending.is_set() else f"airflow db migrate failed: see {self._log('db-migrate')}"

    def _watch(self) -> str:
        for name, arguments in COMPONENTS.items():
            if not self.ending.is_set():
                self._start(name, arguments)
        while not self.ending.wait(0.5):
            for name, arguments in COMPONENTS.items():
                code = self.children[name].poll()
                if code is None:
                    continue
                if self.starts[name] >= STARTS:
                    return f"Airflow's {name} ended {STARTS} times (exit code {code}): see {self._log(name)}"
                self._start(name, arguments)
        return ""

    def _start(self, name: str, arguments: list[str]) -> subprocess.Popen[bytes]:
        self._kill_leftover(name)
        with self._log(name).open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", MODULES.get(name, "airflow"), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        PidRecord.of(child.pid).write(self._record(name))
        self.children[name] = child
        self.starts[name] += 1
        return child

    def _kill_leftover(self, name: str) -> None:
        # What a component that died of kill -9 has started still runs in its session.
        dead = self.children.get(name)
        if dead is not None:
            _signal_group(dead.pid, signal.SIGKILL)

    def _stop_all(self) -> None:
        alive = [psutil.Process(child.pid) for child in self.children.values() if child.poll() is None]
        family = tree(alive)
        for program in alive:
            _signal_group(program.pid, signal.SIGTERM)
        self._wait_for_end(time.monotonic() + TERM_SECONDS)
        for child in self.children.values():
            _signal_group(child.pid, signal.SIGKILL)
            child.wait()
        for program in family:
            if program.is_running():
                program.kill()
        for name in self.children:
            self._record(name).unlink(missing_ok=True)

    def _wait_for_end(self, until: float) -> None:
        for child in self.children.values():
            try:
                child.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                return

    def _record(self, name: str) -> Path:
        return self.run.pids / f"airflow-{name}.json"

    def _log(self, name: str) -> Path:
        return self.run.logs / f"{name}.log"


def _signal_group(pid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def main() -> int:
    run = RunDir(Path(sys.argv[1]))
    record = running(run.pids / "supervisor.json")
    if record is not None and record.pid != os.getpid():
        return 0
    PidRecord.of(os.getpid()).write(run.pids / "supervisor.json")
    return Supervisor(run).work()


if __name__ == "__main__":
    sys.exit(main())
