"""A program that a site starts in the background, waits for and stops: PostgreSQL, Redis, ZooKeeper, the page."""

from __future__ import annotations

import signal
import time
from abc import ABC, abstractmethod
from pathlib import Path

import psutil

from dicomdex_local import pids
from dicomdex_local.errors import SiteError
from dicomdex_local.ports import HOST, require_free

START_LIMIT = 120.0
STOP_LIMIT = 30.0


class Engine(ABC):
    """One server on 127.0.0.1 with a home of its own. It is ready when it answers, not when its port is open.

    :param home: keeps its data, its log and the record of its pid
    :param environment: None = this program's own
    """

    name = ""
    port_setting = ""
    stop_signal = signal.SIGTERM

    def __init__(self, home: Path, port: int, *, host: str = HOST, environment: dict[str, str] | None = None) -> None:
        self.home = home.absolute()
        self.port = port
        self.host = host
        self.environment = environment
        self.record = self.home / f"{self.name}.json"
        self.log = self.home / f"{self.name}.log"

    @abstractmethod
    def command(self) -> list[str]:
        """The program and its arguments: paths and ports, no secret."""

    @abstractmethod
    def is_ready(self) -> bool:
        """One look: whether it answers."""

    @abstractmethod
    def prepare(self) -> None:
        """Make what must be there before the program starts; its home is."""

    def program(self) -> psutil.Process | None:
        """The running program, or None."""
        return pids.running(self.record)

    def start(self, limit: float = START_LIMIT) -> None:
        """Start unless it runs, and wait until it answers; SiteError."""
        self.launch()
        self.wait_ready(limit)

    def launch(self) -> None:
        """Start unless it runs; returns at once."""
        if self.program() is not None:
            return
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_free(self.port, self.port_setting)
        self.prepare()
        pids.launch(self.command(), record=self.record, log=self.log, cwd=self.home, environment=self.environment)

    def wait_ready(self, limit: float = START_LIMIT) -> None:
        """Wait until it answers; SiteError where it ends first or the limit is over."""
        end = time.monotonic() + limit
        while time.monotonic() < end and self.program() is not None:
            if self.is_ready():
                return
            time.sleep(0.1)
        raise SiteError(f"{self.name} did not become ready: see {self.log}")

    def stop(self) -> None:
        """End it in its own good way; what it has written stays."""
        program = self.program()
        if program is not None:
            family = pids.tree([program])
            program.send_signal(self.stop_signal)
            psutil.wait_procs([program], timeout=STOP_LIMIT)
            pids.stop([one for one in family if one.is_running()], 5)
        self.record.unlink(missing_ok=True)

    def kill(self) -> None:
        """kill -9, as an accident would; for tests."""
        program = self.program()
        if program is not None:
            program.kill()
            psutil.wait_procs([program], timeout=STOP_LIMIT)
