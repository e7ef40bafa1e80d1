"""A SolrCloud node, with its embedded ZooKeeper or one of its own: the program people run, started as Solr's own is."""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from dicomdex_local import pids, solr_ready
from dicomdex_local.errors import SiteError
from dicomdex_local.layout import CONF
from dicomdex_local.ports import HOST, require_free
from dicomdex_local.solr_security import SEED_RECORD, SolrSecrets, seed_zookeeper
from dicomdex_local.zookeeper import ZooKeeper

JVM_OPTIONS = [
    "-XX:+UseG1GC",
    "-XX:+ExitOnOutOfMemoryError",
    # A miscompiled method of Caffeine hangs the JVM; Solr's own launcher leaves it out too.
    "-XX:CompileCommand=quiet",
    "-XX:CompileCommand=exclude,com.github.benmanes.caffeine.cache.BoundedLocalCache::put",
    "-Djava.awt.headless=true",
    "-Duser.timezone=UTC",
    "-Dfile.encoding=UTF-8",
]
# After kill -9 the next node waits for the dead one's ZooKeeper session, at most twice its own timeout:
# so this must stay the same from run to run.
ZOOKEEPER_TIMEOUT_MS = 10_000
START_LIMIT = 180.0
STOP_LIMIT = 30.0


class SolrNode:
    """A node on 127.0.0.1 with its home, its passwords and its ports; usable alone, also in tests.

    Without a `zookeeper` it runs an embedded one. `home` keeps collections, ZooKeeper's data and logs. Errors:
    SiteError, in one line.
    """

    def __init__(
        self,
        home: Path,
        jars: Path,
        secrets: Path,
        port: int,
        *,
        zookeeper_port: int | None = None,
        zookeeper: ZooKeeper | None = None,
        java: str = "java",
        heap: str = "1g",
        environment: dict[str, str] | None = None,
    ) -> None:
        self.home = home.absolute()
        self.jars = jars.absolute()
        self.secrets = SolrSecrets(secrets.absolute())
        self.port = port
        self.zookeeper_port = zookeeper_port or port + 1000
        self.zookeeper = zookeeper  # None = embedded
        self.java = java
        self.heap = heap
        self.environment = environment
        self.record = self.home / "node.json"
        self.log = self.home / "logs" / "solr.log"

    @property
    def base_url(self) -> str:
        return f"http://{HOST}:{self.port}/solr"

    @property
    def auth(self) -> tuple[str, str]:
        """User and password of the administrator."""
        return self.secrets.auth

    def program(self) -> psutil.Process | None:
        """The running JVM, or None."""
        return pids.running(self.record)

    def start(self, limit: float = START_LIMIT) -> None:
        """Start the node unless it runs, and wait until it is ready."""
        self.launch()
        self.wait_ready(limit)

    def launch(self) -> None:
        """Start the JVM unless it runs; returns at once (after the first start's 3 s of setting up security)."""
        if self.program() is not None:
            return
        self._prepare()
        with self._locked_home() as lock:
            require_free(self.port, "DICOMDEX_SOLR_PORT")
            if self.zookeeper is None:
                require_free(self.zookeeper_port, "DICOMDEX_ZOOKEEPER_PORT")
                self._seed()
            pids.launch(
                self.command(),
                record=self.record,
                log=self.home / "logs" / "console.log",
                cwd=self.home,
                environment=self.environment,
                pass_fds=(lock,),  # the JVM inherits the lock on its home and keeps it while it lives
            )

    def wait_ready(self, limit: float = START_LIMIT) -> None:
        """Wait until every core of the node answers; a node that failed to start is started once more."""
        if self._becomes_ready(limit):
            return
        self.stop()
        self.launch()
        if not self._becomes_ready(limit):
            self.stop()
            raise SiteError(f"Solr did not become ready: see {self.log}")

    def is_ready(self) -> bool:
        """One look."""
        with self._client() as client:
            return solr_ready.look(client) in solr_ready.LOOKS_NEEDED

    def stop(self) -> None:
        """End the node; Solr closes its cores, what was committed or logged stays."""
        program = self.program()
        if program is not None:
            pids.stop([program], STOP_LIMIT)
        self.record.unlink(missing_ok=True)

    def kill(self) -> None:
        """kill -9, as an accident would; for tests."""
        program = self.program()
        if program is not None:
            program.kill()
            psutil.wait_procs([program], timeout=STOP_LIMIT)

    def command(self) -> list[str]:
        """The JVM's arguments: paths and ports, no secret."""
        conf = CONF / "solr"
        return [
            *(self.java, "-Xms256m", f"-Xmx{self.heap}", *JVM_OPTIONS, *self.secrets.zookeeper_options()),
            *(f"-Dsolr.solr.home={self.home}", f"-Dsolr.log.dir={self.home / 'logs'}"),
            f"-Ddicomdex.ramBufferSizeMB={ram_buffer(self.heap)}",
            *(f"-Dlog4j2.configurationFile={conf / 'log4j2.xml'}", f"-DzkClientTimeout={ZOOKEEPER_TIMEOUT_MS}"),
            *(f"-Djetty.port={self.port}", f"-Dsolr.jetty.host={HOST}", f"-Dhost={HOST}"),
            f"-DzkHost={self.zookeeper.hosts}" if self.zookeeper else f"-DzkRun={HOST}:{self.zookeeper_port}",
            *("-cp", f"{self.jars}/*", "org.eclipse.jetty.xml.XmlConfiguration", str(conf / "jetty.xml")),
        ]

    def _prepare(self) -> None:
        leftover = pids.running(self.home / SEED_RECORD)
        if leftover is not None:
            pids.stop([leftover], STOP_LIMIT)
        (self.home / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
        self.secrets.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.secrets.ensure()
        for name in ("solr.xml", "zoo.cfg"):
            shutil.copyfile(CONF / "solr" / name, self.home / name)

    def _seed(self) -> None:
        seeded = self.home / ".secured"
        if not seeded.exists():
            seed_zookeeper(self.home, self.jars, self.secrets, self.zookeeper_port, self.java)
            seeded.touch()

    @contextmanager
    def _locked_home(self) -> Iterator[int]:
        # Two nodes on one home with different ports would both start and share ZooKeeper's data.
        with (self.home / ".node.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SiteError(f"another Solr node runs on {self.home}: stop it first") from None
            yield lock.fileno()

    def _becomes_ready(self, limit: float) -> bool:
        end = time.monotonic() + limit
        agreed = 0
        with self._client() as client:
            while time.monotonic() < end and self.program() is not None:
                seen = solr_ready.look(client)
                if seen is solr_ready.Look.FAILED:
                    return False
                if seen is solr_ready.Look.LOCKED_OUT:
                    raise SiteError(f"Solr on port {self.port} refuses the password in {self.secrets.admin_file}")
                needed = solr_ready.LOOKS_NEEDED.get(seen)
                agreed = agreed + 1 if needed else 0
                if needed and agreed >= needed:
                    return True
                time.sleep(0.4 if needed else 0.1)
        return False

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=f"{self.base_url}/", auth=self.auth, timeout=10.0, trust_env=False)


def ram_buffer(heap: str) -> int:
    """Megabytes of documents that an index keeps before it writes a segment: a quarter of the heap, 256 at the most.

    Larger segments are merged less often: 256 instead of 128 saves 5 % of the CPU that a document costs.
    """
    megabytes = int(heap[:-1]) << (10 if heap[-1] in "gG" else 0)
    return max(32, min(megabytes // 4, 256))
