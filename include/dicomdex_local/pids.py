"""Programs that the site started: known by pid and start time, so that a reused pid is never mistaken for ours."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

import psutil

# Every program of a site carries this in its environment, and so do the programs that those start.
MARK = "DICOMDEX_SITE"

# psutil derives start times from the boot time, which moves a little when the clock is set.
CLOCK_SLACK = 2.0


@dataclass(frozen=True)
class PidRecord:
    """One started program: its pid and when it began (seconds since 1970)."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> PidRecord:
        return cls(pid, psutil.Process(pid).create_time())

    def write(self, path: Path) -> None:
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps(asdict(self)))
        temporary.replace(path)

    @classmethod
    def read(cls, path: Path) -> PidRecord | None:
        """The record, or None when there is none (or half of one, from a crash)."""
        try:
            said = json.loads(path.read_text())
            return cls(int(said["pid"]), float(said["started"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def program(self) -> psutil.Process | None:
        """The program if it still runs; None for an ended one, a zombie, or another with the same pid."""
        try:
            program = psutil.Process(self.pid)
            same = abs(program.create_time() - self.started) < CLOCK_SLACK
            return program if same and program.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def launch(
    command: list[str],
    *,
    record: Path,
    log: Path,
    cwd: Path,
    environment: dict[str, str] | None = None,
    umask: int = -1,
    pass_fds: tuple[int, ...] = (),
) -> None:
    """Start a program in a session of its own, append what it says to `log`, and write it down in `record`."""
    with log.open("ab") as said, undisturbed():
        program = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
            umask=umask,
            pass_fds=pass_fds,
        )
        PidRecord.of(program.pid).write(record)


def running(path: Path) -> psutil.Process | None:
    """The program that a record file names, if it still runs."""
    record = PidRecord.read(path)
    return record.program() if record else None


def tree(programs: list[psutil.Process]) -> list[psutil.Process]:
    """The programs and all that descend from them."""
    found: dict[int, psutil.Process] = {}
    for program in programs:
        try:
            found.update({p.pid: p for p in [program, *program.children(recursive=True)]})
        except psutil.NoSuchProcess:
            continue
    return list(found.values())


def marked(run_dir: Path) -> list[psutil.Process]:
    """Programs whose environment says that they belong to this run directory, and their descendants.

    Descendants, since programs that change their title overwrite their environment. Never ourselves or our parents.
    """
    own = {os.getpid(), *(p.pid for p in psutil.Process().parents())}
    found = []
    for program in psutil.process_iter():
        try:
            if program.environ().get(MARK) == str(run_dir):
                found.append(program)
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue
    return [program for program in tree(found) if program.pid not in own]


def stop(programs: list[psutil.Process], wait: float) -> None:
    """TERM, then KILL for those that are left after so many seconds."""
    _send(programs, signal.SIGTERM)
    _, left = psutil.wait_procs(programs, timeout=wait)
    _send(left, signal.SIGKILL)
    psutil.wait_procs(left, timeout=10)


def _send(programs: list[psutil.Process], number: signal.Signals) -> None:
    for program in programs:
        try:
            program.send_signal(number)  # psutil refuses a pid that was given to another program meanwhile
        except psutil.NoSuchProcess:
            continue


@contextmanager
def undisturbed() -> Iterator[None]:
    """Hold Ctrl-C back while a program is started and written down, so that none is ever forgotten."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        caught.append(number)

    before = signal.signal(signal.SIGINT, remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if caught:
            signal.raise_signal(signal.SIGINT)
