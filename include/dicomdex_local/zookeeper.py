"""ZooKeeper of its own, from the jars of Solr: what several Solr nodes need."""

from __future__ import annotations

import socket
from pathlib import Path

from dicomdex_local.engine import Engine
from dicomdex_local.ports import HOST
from dicomdex_local.solr_security import SolrSecrets, put_security

MAIN = "org.apache.zookeeper.server.ZooKeeperServerMain"
CHROOT = "/solr"
LIMIT = 5.0


class ZooKeeper(Engine):
    """A standalone server on 127.0.0.1, closed to everybody without the digest in `secrets` from its first start on."""

    name = "zookeeper"
    port_setting = "DICOMDEX_ZOOKEEPER_PORT"

    def __init__(
        self,
        home: Path,
        jars: Path,
        secrets: Path,
        port: int,
        *,
        java: str = "java",
        environment: dict[str, str] | None = None,
    ) -> None:
        super().__init__(home, port, environment=environment)
        self.jars = jars.absolute()
        self.secrets = SolrSecrets(secrets.absolute())
        self.java = java

    @property
    def hosts(self) -> str:
        """What Solr's `zkHost` gets."""
        return f"{HOST}:{self.port}{CHROOT}"

    def command(self) -> list[str]:
        """The JVM's arguments."""
        return [self.java, "-Xmx128m", "-cp", f"{self.jars}/*", MAIN, str(self.home / "zoo.cfg")]

    def prepare(self) -> None:
        """`zoo.cfg`, and the credentials."""
        self.secrets.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.secrets.ensure()
        (self.home / "zoo.cfg").write_text(configuration(self.home / "zoo", self.host, self.port))

    def wait_ready(self, limit: float = 60.0) -> None:
        """Wait until it answers; the first time put Solr's security there before any Solr can start."""
        super().wait_ready(limit)
        secured = self.home / ".secured"
        if not secured.exists():
            put_security(f"{HOST}:{self.port}", self.jars, self.secrets, self.java, chroot=CHROOT)
            secured.touch()

    def is_ready(self) -> bool:
        """Whether it says `imok`."""
        return four_letters(self.host, self.port, b"ruok") == b"imok"


def configuration(directory: Path, host: str, port: int) -> str:
    """`zoo.cfg` of a standalone server; snapshots older than the last three go once a day."""
    lines = {
        "tickTime": 2000,
        "admin.enableServer": "false",
        "dataDir": directory,
        "clientPort": port,
        "clientPortAddress": host,
        "4lw.commands.whitelist": "ruok",
        "autopurge.snapRetainCount": 3,
        "autopurge.purgeInterval": 24,
    }
    return "".join(f"{name}={value}\n" for name, value in lines.items())


def four_letters(host: str, port: int, word: bytes) -> bytes:
    """The answer to one of ZooKeeper's four letter words; empty where nobody answers."""
    try:
        with socket.create_connection((host, port), timeout=LIMIT) as connection:
            connection.sendall(word)
            return connection.recv(64)
    except OSError:
        return b""
