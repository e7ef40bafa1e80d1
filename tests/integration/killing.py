"""Stops programs of a site where they are provably in the middle of their work, so that they can be killed there."""

from __future__ import annotations

import ctypes
import os
import select
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from dicomdex.adapters.solr import Solr
from dicomdex.adapters.work import WorkArea
from dicomdex.entry import escape
from dicomdex_local import pids
from dicomdex_local.airflow_rest import AirflowRest
from dicomdex_local.follow import DAG_ID
from dicomdex_local.site import Site
from tests.integration.line import tasks_of
from tests.integration.waiting import LIMIT, wait_for

IN_OPEN, IN_ISDIR = 0x20, 0x40000000  # <sys/inotify.h>
EVENT = struct.Struct("iIII")  # watch, mask, cookie, length of the name that follows


class OpenedFiles:
    """The files below a directory that are opened, by whomever, while this is entered (inotify).

    What a program of another user or Airflow's tasks (not dumpable) have open can't be read from /proc.
    """

    def __init__(self, root: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._root = root
        self._folders: dict[int, Path] = {}

    def __enter__(self) -> Self:
        self._watch = self._libc.inotify_init1(os.O_CLOEXEC)
        for folder in (self._root, *(path for path in self._root.rglob("*") if path.is_dir())):
            self._folders[self._libc.inotify_add_watch(self._watch, os.fsencode(folder), IN_OPEN)] = folder
        assert min(self._watch, *self._folders) >= 0, os.strerror(ctypes.get_errno())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._watch)

    def fresh(self) -> Iterator[Path]:
        """Files as they are opened; those opened while nobody asked are left out. AssertionError after a long time."""
        while True:
            while self._waits(0):
                os.read(self._watch, 1 << 16)
            assert self._waits(LIMIT), "no file was opened"
            yield from self._read()[-1:]

    def _waits(self, seconds: float) -> bool:
        return bool(select.select([self._watch], [], [], seconds)[0])

    def _read(self) -> list[Path]:
        events, found = os.read(self._watch, 1 << 16), []
        while events:
            watch, mask, _, length = EVENT.unpack_from(events)
            name = events[EVENT.size : EVENT.size + length].rstrip(b"\0")
            if name and watch in self._folders and not mask & IN_ISDIR:
                found.append(self._folders[watch] / os.fsdecode(name))
            events = events[EVENT.size + length :]
        return found


def stop_in_mid_extraction(site: Site, rest: AirflowRest, drop: str, run_id: str) -> tuple[int, list[psutil.Process]]:
    """(map index, the task and the executor's worker that watches over it), both stopped while the task reads.

    The task has just opened a file of its batch, and no result of this batch is in the work area.
    """
    with OpenedFiles(site.landing / drop) as opened:
        tasks = wait_for("batches", lambda: [t for t in tasks_of(rest, run_id, "extract") if t["map_index"] >= 0])
        numbers = [batch["batch"] for batch in rest.xcom(DAG_ID, run_id, "manifest")]
        task_of = {numbers[task["map_index"]]: task for task in tasks}
        batch_of = {entry.path: entry.batch for entry in WorkArea(site.settings().work).entries(drop, 1)}
        for file in opened.fresh():
            batch = batch_of[escape(os.fsencode(file.relative_to(site.landing)))]
            task = _task(site, task_of[batch]["id"])
            programs = [task, task.parent()] if task else []
            _each(programs, "suspend")
            if programs and not list((site.run.root / "work" / "drops" / drop / "000001").glob(f"{batch:05d}-*")):
                return task_of[batch]["map_index"], programs
            _each(programs, "resume")
    raise AssertionError("no extraction was met in the middle")


def stop_in_mid_apply(site: Site) -> list[psutil.Process]:
    """The Spark application, JVM and Python, stopped where documents are posted and not yet committed.

    Once it has its Python workers, it runs in slices of one question to Solr, so that the moment can't be missed.
    """
    with Solr.of(site.settings()) as solr:
        wait_for("an application that has begun", lambda: applying(site, solr))
        wait_for(
            "its Python workers", lambda: any("pyspark.daemon" in _title(p) for p in spark_programs(site)), every=0.05
        )
        (driver, *_) = spark_programs(site)
        while True:
            programs = pids.tree([driver])
            _each(programs, "suspend")
            if programs and pending(solr):
                return programs
            _each(programs, "resume")
            assert applying(site, solr), "the application was over before it was met in the middle"


def applying(site: Site, solr: Solr) -> bool:
    """Whether a collection of the site says that an application is under way."""
    names = [name for name in solr.collections() if name.startswith(f"{site.settings().alias}_")]
    return any(solr.collection(name).version("applying") >= 0 for name in names)


def pending(solr: Solr) -> int:
    """Documents posted to the node and not committed."""
    gauge = "UPDATE.updateHandler.docsPending"
    metrics = solr.request("GET", "/admin/metrics", params={"group": "core", "prefix": gauge, "wt": "json"})["metrics"]
    return sum(int(core[gauge]) for core in metrics.values())


def spark_programs(site: Site) -> list[psutil.Process]:
    """Every program of a running Spark application: its JVM and the Python programs below."""
    return pids.tree([program for program in pids.marked(site.run.root) if "SparkSubmit" in _title(program)])


def component(site: Site, name: str) -> psutil.Process | None:
    """One of Airflow's four components, if it runs."""
    return pids.running(site.run.pids / f"airflow-{name}.json")


def orphans(site: Site) -> list[str]:
    """Programs of the site that neither Solr, Airflow's supervisor nor the page has below it."""
    first = (site.solr.program(), site.airflow.supervisor(), site.page.program())
    kept = pids.tree([program for program in first if program])
    return [_title(program) for program in pids.marked(site.run.root) if program not in kept]


def kill(programs: list[psutil.Process]) -> None:
    """kill -9."""
    _each(programs, "kill")
    psutil.wait_procs(programs, timeout=30)


def resume(programs: list[psutil.Process]) -> None:
    """Let stopped programs go on."""
    _each(programs, "resume")


def _task(site: Site, task_instance: str) -> psutil.Process | None:
    """The program that runs a task instance: its title ends in the instance's id, as its watcher's does."""
    scheduler = component(site, "scheduler")
    family = scheduler.children(recursive=True) if scheduler else []
    return next((program for program in family if _title(program) == f"airflow worker -- {task_instance}"), None)


def _title(program: psutil.Process) -> str:
    try:
        return " ".join(program.cmdline()).strip()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""


def _each(programs: list[psutil.Process], action: str) -> None:
    for program in programs:
        try:
            getattr(program, action)()
        except psutil.NoSuchProcess:
            continue
