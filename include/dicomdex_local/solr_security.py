"""Who may do what with the local Solr, put into ZooKeeper before Solr's first start, so that it is never open.

ZooKeeper's own digest ACLs keep other users of the machine away from `security.json`; without them anybody who
reaches the port could replace it.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from dicomdex_local import pids, secret_files
from dicomdex_local.errors import SiteError
from dicomdex_local.ports import HOST

ADMIN = "admin"
READER = "search"
PAGE = "page"
SEEN = ("collection-admin", "schema", "config")  # aliases and states of collections, fields, configsets
SEED_RECORD = "zookeeper-seed.json"
TRIES = 3


@dataclass(frozen=True)
class SolrSecrets:
    """The files (mode 0600) with Solr's passwords and ZooKeeper's credentials; generated when missing."""

    directory: Path

    @property
    def admin_file(self) -> Path:
        return self.directory / "solr_admin"

    @property
    def reader_file(self) -> Path:
        return self.directory / "solr_search"

    @property
    def page_file(self) -> Path:
        return self.directory / "solr_page"

    @property
    def zookeeper_file(self) -> Path:
        return self.directory / "zookeeper.properties"

    def ensure(self) -> None:
        secret_files.once(self.admin_file)
        secret_files.once(self.reader_file)
        secret_files.once(self.page_file)
        secret_files.once(self.zookeeper_file, _zookeeper_credentials)

    @property
    def auth(self) -> tuple[str, str]:
        """User and password of the administrator."""
        return ADMIN, secret_files.once(self.admin_file)

    @property
    def reader_auth(self) -> tuple[str, str]:
        """User and password of the one who may only search."""
        return READER, secret_files.once(self.reader_file)

    @property
    def page_auth(self) -> tuple[str, str]:
        """User and password of the page, which reads and sees what is behind an alias."""
        return PAGE, secret_files.once(self.page_file)

    def zookeeper_options(self) -> list[str]:
        """JVM options that make Solr (and its tools) use digest ACLs; they name a file, never a secret."""
        package = "org.apache.solr.common.cloud"
        return [
            f"-DzkACLProvider={package}.DigestZkACLProvider",
            f"-DzkCredentialsProvider={package}.DigestZkCredentialsProvider",
            f"-DzkCredentialsInjector={package}.VMParamsZkCredentialsInjector",
            f"-DzkDigestCredentialsFile={self.zookeeper_file}",
        ]


def credential(password: str, salt: bytes) -> str:
    """A password as Solr's BasicAuthPlugin keeps it: base64 of sha256(sha256(salt + password)), then the salt."""
    digest = hashlib.sha256(hashlib.sha256(salt + password.encode()).digest()).digest()
    return f"{b64encode(digest).decode()} {b64encode(salt).decode()}"


def security_json(secrets: SolrSecrets) -> str:
    """Solr's `security.json`: nobody without a password, `search` reads, `page` sees collections and schemas besides.

    Everything else is the administrator's.
    """
    users = [secrets.auth, secrets.reader_auth, secrets.page_auth]
    return json.dumps(
        {
            "authentication": {
                "class": "solr.BasicAuthPlugin",
                "blockUnknown": True,
                "credentials": {user: credential(password, os.urandom(32)) for user, password in users},
            },
            "authorization": {
                "class": "solr.RuleBasedAuthorizationPlugin",
                "user-role": {ADMIN: "admin", READER: "reader", PAGE: ["reader", "observer"]},
                # Solr takes the first permission that fits; `all` must come last.
                "permissions": [
                    {"name": "read", "role": ["admin", "reader"]},
                    *({"name": f"{what}-read", "role": ["admin", "observer"]} for what in SEEN),
                    {"name": "all", "role": "admin"},
                ],
            },
        }
    )


def seed_zookeeper(home: Path, jars: Path, secrets: SolrSecrets, port: int, java: str) -> None:
    """Start ZooKeeper alone on Solr's own data, put `security.json` there, close its root, stop it (about 3 s)."""
    zookeeper = _start_zookeeper(home, jars, port, java)
    try:
        _wait_for_port(zookeeper, port)
        put_security(f"{HOST}:{port}", jars, secrets, java)
    finally:
        zookeeper.terminate()
        zookeeper.wait(30)


def put_security(hosts: str, jars: Path, secrets: SolrSecrets, java: str, chroot: str = "") -> None:
    """Put `security.json` into a running ZooKeeper, below the chroot if there is one, and close all of it."""
    with tempfile.TemporaryDirectory(prefix="dicomdex-") as folder:
        security = Path(folder) / "security.json"
        secret_files.write_secret(security, security_json(secrets))
        for command in (["putfile", f"{chroot}/security.json", str(security)], ["updateacls", "/"]):
            _zookeeper_tool(command, jars, secrets, hosts, java)


def _start_zookeeper(home: Path, jars: Path, port: int, java: str) -> subprocess.Popen[bytes]:
    config = home / "zoo-seed.cfg"
    config.write_text(
        f"tickTime=2000\nadmin.enableServer=false\ndataDir={home / 'zoo_data'}\n"
        f"clientPort={port}\nclientPortAddress={HOST}\n"
    )
    command = [java, "-Xmx128m", "-cp", f"{jars}/*", "org.apache.zookeeper.server.ZooKeeperServerMain", str(config)]
    with (home / "logs" / "zookeeper-seed.log").open("wb") as log, pids.undisturbed():
        zookeeper = subprocess.Popen(command, cwd=home, stdout=log, stderr=log, start_new_session=True)
        pids.PidRecord.of(zookeeper.pid).write(home / SEED_RECORD)
    return zookeeper


def _wait_for_port(program: subprocess.Popen[bytes], port: int, limit: float = 60.0) -> None:
    end = time.monotonic() + limit
    while time.monotonic() < end and program.poll() is None:
        with socket.socket() as sock:
            if sock.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.05)
    raise SiteError("ZooKeeper did not start: see zookeeper-seed.log in Solr's logs")


def _zookeeper_tool(command: list[str], jars: Path, secrets: SolrSecrets, hosts: str, java: str) -> None:
    base = [java, *secrets.zookeeper_options(), "-cp", f"{jars}/*", "org.apache.solr.cloud.ZkCLI"]
    arguments = ["--zk-host", hosts, "-cmd", *command]
    for _ in range(TRIES):  # repeating any of them is harmless, and a session of a busy ZooKeeper may end too early
        done = subprocess.run([*base, *arguments], capture_output=True, timeout=120, check=False)
        if done.returncode == 0:
            return
    raise SiteError(f"Solr's security could not be put into ZooKeeper ({command[0]})")


def _zookeeper_credentials() -> str:
    lines = {
        "zkDigestUsername": "solr",
        "zkDigestPassword": secret_files.password(),
        "zkDigestReadonlyUsername": "solr-readonly",
        "zkDigestReadonlyPassword": secret_files.password(),
    }
    return "".join(f"{name}={value}\n" for name, value in lines.items())


def main(arguments: list[str]) -> None:
    """`python -m dicomdex_local.solr_security HOST:PORT CHROOT JARS SECRETS`: the same for a ZooKeeper that runs."""
    hosts, chroot, jars, secrets = arguments
    put_security(hosts, Path(jars), SolrSecrets(Path(secrets)), "java", chroot)


if __name__ == "__main__":
    main(sys.argv[1:])
