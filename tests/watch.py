"""Watches the programs of a running site: their arguments as `ps` would show them, and their memory."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from dicomdex_local import pids

# First match counts: what a program is, by a part of its arguments.
KINDS = (
    ("org.apache.spark.deploy.SparkSubmit", "spark driver (JVM)"),
    ("XmlConfiguration", "solr"),
    ("pyspark/daemon", "spark python worker"),
    ("pyspark.daemon", "spark python worker"),
    ("apply_changes.py", "spark driver (python)"),
    ("index_collection.py", "spark driver (python)"),
    ("reading_child", "reading child"),
    ("dicomdex-page", "page"),
    ("dicomdex.serving", "page"),
    ("dicomdex_web", "page"),  # Granian's title for itself and its worker
    ("dicomdex_local.supervisor", "supervisor"),
    ("api_server", "airflow api-server"),
    ("api-server", "airflow api-server"),
    ("dag-processor", "airflow dag-processor"),
    ("triggerer", "airflow triggerer"),
    ("LocalExecutor", "airflow executor"),
    # A task has its id in the title, as its executor slot has; the slots are forked long before.
    ("airflow worker -- ", "airflow task"),
    ("scheduler", "airflow scheduler"),
)


@dataclass
class Watch:
    """What was seen: every command line, and by kind the most memory of one program and of all of a kind (bytes).

    `cpu`: CPU seconds of each program as of the last look, by pid and start, with its kind.
    """

    arguments: set[str] = field(default_factory=set)
    peak_rss: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    peak_pss: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    cpu: dict[tuple[int, float], tuple[str, float]] = field(default_factory=dict)

    def look(self, run_dir: Path, *, memory: bool = True) -> None:
        """One look at all programs of the site."""
        total: dict[str, int] = defaultdict(int)
        for program in pids.marked(run_dir):
            try:
                line = " ".join(program.cmdline())
                self.arguments.add(line)
                if memory:
                    said = program.memory_full_info()
                    kind = kind_of(line)
                    used = program.cpu_times()
                    self.cpu[program.pid, program.create_time()] = (kind, used.user + used.system)
                    self.peak_rss[kind] = max(self.peak_rss[kind], said.rss)
                    total[kind] += said.pss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        for kind, size in total.items():
            self.peak_pss[kind] = max(self.peak_pss[kind], size)

    def cpu_of(self, kind: str) -> float:
        """CPU seconds of all programs of a kind; what a program used after the last look at it is missed."""
        return sum(seconds for one, seconds in self.cpu.values() if one == kind)


def kind_of(command_line: str) -> str:
    """What a program of the site is, by its arguments."""
    return next((kind for part, kind in KINDS if part in command_line), "other")


@contextmanager
def watching(run_dir: Path, *, seconds: float = 0.5, memory: bool = True) -> Iterator[Watch]:
    """Look at the site's programs every so many seconds until the block ends; a program that is shorter is missed."""
    watch, over = Watch(), threading.Event()

    def look_on() -> None:
        while True:
            watch.look(run_dir, memory=memory)
            if over.wait(seconds):
                return

    thread = threading.Thread(target=look_on, name="watch", daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()
