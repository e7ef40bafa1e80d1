"""One NameNode and one DataNode on 127.0.0.1, for tests and for trying out: simple authentication trusts everyone here.

The programs are those of Hadoop, from its minicluster jar and nine jars of the pyspark wheel.
"""

from __future__ import annotations

import getpass
import subprocess
import time
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path

import httpx
import psutil

from dicomdex_local import pids
from dicomdex_local.errors import SiteError
from dicomdex_local.jars import pyspark_jars
from dicomdex_local.layout import CONF
from dicomdex_local.ports import HOST, free_ports, number, require_free

# What the minicluster jar needs besides; the wheel has them in the versions that Hadoop's clients are built with.
FROM_PYSPARK = (
    "hadoop-client-api",
    "hadoop-client-runtime",
    "slf4j-api",
    "jcl-over-slf4j",
    "log4j-api",
    "log4j-core",
    "log4j-slf4j2-impl",
    "log4j-1.2-api",
    "snappy-java",
)
NAMENODE, DATANODE = "namenode", "datanode"
PROGRAMS = {
    NAMENODE: "org.apache.hadoop.hdfs.server.namenode.NameNode",
    DATANODE: "org.apache.hadoop.hdfs.server.datanode.DataNode",
}
# C1 alone and the serial collector: half the CPU seconds until it is ready, on two cores that are busy otherwise.
JVM_OPTIONS = [
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.net.preferIPv4Stack=true",
]
START_LIMIT = 180.0
STOP_LIMIT = 30.0


@dataclass(frozen=True)
class HdfsPorts:
    """The ports of both programs; each is set by a variable of its own."""

    hdfs: int = 9000
    hdfs_http: int = 9870
    datanode: int = 9866
    datanode_http: int = 9864
    datanode_ipc: int = 9867

    @classmethod
    def from_environment(cls) -> HdfsPorts:
        """`DICOMDEX_HDFS_PORT`, `DICOMDEX_DATANODE_PORT` and so on, else those of Hadoop."""
        return cls(**{field.name: number(setting(field.name), int(field.default)) for field in fields(cls)})

    @classmethod
    def free(cls) -> HdfsPorts:
        """Five ports that nobody listens on now."""
        return cls(*free_ports(len(fields(cls))))

    def environment(self) -> dict[str, str]:
        """The variables that the files in conf/hdfs ask for."""
        return {setting(name): str(port) for name, port in asdict(self).items()}


def setting(port: str) -> str:
    """Name of the variable that sets a port."""
    return f"DICOMDEX_{port.upper()}_PORT"


class Hdfs:
    """Both programs, their folder and their ports. `user` owns `/`: the operating system's user unless given.

    Errors: SiteError, in one line.
    """

    def __init__(
        self,
        home: Path,
        jars: Path,
        ports: HdfsPorts | None = None,
        *,
        java: str = "java",
        heap: str = "512m",
        user: str | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.home = home.absolute()
        self.jars = jars.absolute()
        self.ports = ports or HdfsPorts.from_environment()
        self.java = java
        self.heap = heap
        self.user = user or getpass.getuser()
        self.base_environment = environment or {}

    @property
    def url(self) -> str:
        """Root of the file system."""
        return f"hdfs://{HOST}:{self.ports.hdfs}"

    @property
    def http_url(self) -> str:
        """The NameNode's web server: WebHDFS and JMX."""
        return f"http://{HOST}:{self.ports.hdfs_http}"

    @property
    def environment(self) -> dict[str, str]:
        """Of the programs here, and of whoever is to be `user` for HDFS."""
        own = {"DICOMDEX_HDFS_HOME": str(self.home), "HADOOP_USER_NAME": self.user}
        return {**self.base_environment, **self.ports.environment(), **own}

    def start(self, limit: float = START_LIMIT) -> None:
        """Start what does not run, and wait until it is ready."""
        self.launch()
        self.wait_ready(limit)

    def launch(self) -> None:
        """Start what does not run; returns at once (after the first start's 2 s of formatting)."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not any(self.program(name) for name in PROGRAMS):
            for field, port in zip(fields(self.ports), astuple(self.ports), strict=True):
                require_free(port, setting(field.name))
        if not (self.home / "name" / "current").is_dir():
            self._format()
        for name in PROGRAMS:
            if self.program(name) is None:
                self._launch(name)

    def wait_ready(self, limit: float = START_LIMIT) -> None:
        """Until the DataNode is live for the NameNode and safe mode is off."""
        end = time.monotonic() + limit
        while time.monotonic() < end and all(self.program(name) for name in PROGRAMS):
            if self.is_ready():
                return
            time.sleep(0.1)
        raise SiteError(f"HDFS did not become ready: see {self.log(NAMENODE)} and {self.log(DATANODE)}")

    def is_ready(self) -> bool:
        """One look. A live DataNode alone does not do: after a restart it was live while safe mode was still on."""
        with httpx.Client(timeout=10.0, trust_env=False) as client:
            try:
                state = self._bean(client, self.ports.hdfs_http, "NameNode,name=FSNamesystemState")
                node = self._bean(client, self.ports.hdfs_http, "NameNode,name=NameNodeInfo")
                # A DataNode that was just started anew: the NameNode may still speak of the one before.
                serving = self._bean(client, self.ports.datanode_http, "DataNode,name=DataNodeInfo")
                registered = '"ActorState":"RUNNING"' in str(serving["BPServiceActorInfo"]).replace(" ", "")
                return state["NumLiveDataNodes"] == 1 and node["Safemode"] == "" and registered
            except (httpx.HTTPError, ValueError, LookupError):  # a bean comes before its attributes
                return False

    def stop(self) -> None:
        """End both; what was written stays."""
        for name in (DATANODE, NAMENODE):
            program = self.program(name)
            if program is not None:
                pids.stop([program], STOP_LIMIT)
            self._record(name).unlink(missing_ok=True)

    def kill(self, name: str) -> None:
        """kill -9 of one, as an accident would; for tests."""
        program = self.program(name)
        if program is not None:
            program.kill()
            psutil.wait_procs([program], timeout=STOP_LIMIT)

    def program(self, name: str) -> psutil.Process | None:
        """The JVM of `namenode` or `datanode` while it runs, or None."""
        return pids.running(self._record(name))

    def safe_mode(self, action: str) -> None:
        """`enter` or `leave` safe mode, as an administrator would."""
        self._run("org.apache.hadoop.hdfs.tools.DFSAdmin", "-safemode", action)

    def log(self, name: str) -> Path:
        """Where a program's warnings go."""
        return self.home / f"{name}.log"

    def _format(self) -> None:
        self._run(PROGRAMS[NAMENODE], "-format", "-nonInteractive", "-force")

    def _launch(self, name: str) -> None:
        command, record, log = self._command(PROGRAMS[name]), self._record(name), self.log(name)
        pids.launch(command, record=record, log=log, cwd=self.home, environment=self.environment)

    def _run(self, main: str, *arguments: str) -> None:
        done = subprocess.run(
            self._command(main, *arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no output"])[-1]
            raise SiteError(f"HDFS: {main.rpartition('.')[2]} {arguments[0]} failed: {last[:300]}")

    def _command(self, main: str, *arguments: str) -> list[str]:
        jars = [*sorted(self.jars.glob("*.jar")), *pyspark_jars(FROM_PYSPARK)]
        path = ":".join(str(part) for part in (CONF / "hdfs", *jars))
        options = [*JVM_OPTIONS, f"-Xmx{self.heap}"]
        return [self.java, *options, "-cp", path, main, *arguments]

    def _record(self, name: str) -> Path:
        return self.home / f"{name}.json"

    @staticmethod
    def _bean(client: httpx.Client, port: int, name: str) -> dict[str, object]:
        answer = client.get(f"http://{HOST}:{port}/jmx", params={"qry": f"Hadoop:service={name}"}).raise_for_status()
        found: dict[str, object] = answer.json()["beans"][0]
        return found
