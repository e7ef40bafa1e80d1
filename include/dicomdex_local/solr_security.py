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
import time
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from dicomdex_local import pids, secret_files
from dicomdex_local.errors import SiteError
from dicomdex_local.ports import HOST

ADMIN = "admin"
READER = "search"
SEED_RECORD = "zookeeper-seed.json"


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
    def zookeeper_file(self) -> Path:
        return self.directory / "zookeeper.properties"

    def ensure(self) -> None:
        secret_files.once(self.admin_file)
        secret_files.once(self.reader_file)
        secret_files.once(self.zookeeper_file, _zookeeper_credentials)

    @property
    def auth(self) -> tuple[str, str]:
        """User and password of the administrator."""
        return ADMIN, secret_files.once(self.admin_file)

    @property
    def reader_auth(self) -> tuple[str, str]:
        """User and password of the one who may only search."""
        return READER, secret_files.once(self.reader_file)

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
    """Solr's `security.json`: nobody without a password, `search` reads, everything else is the administrator's."""
    users = [secrets.auth, secrets.reader_auth]
    return json.dumps(
        {
            "authentication": {
                "class": "solr.BasicAuthPlugin",
                "blockUnknown": True,
                "credentials": {user: credential(password, os.urandom(32)) for user, password in users},
            },
            "authorization": {
                "class": "solr.RuleBasedAuthorizationPlugin",
                "user-role": {ADMIN: "admin", READER: "reader"},
                # Solr takes the first permission that fits; `all` must come last.
                "permissions": [
                    {"name": "read", "role": ["admin", "reader"]},
                    {"name": "all", "role": "admin"},
                ],
            },
        }
    )


def seed_zookeeper(home: Path, jars: Path, secrets: SolrSecrets, port: int, java: str) -> None:
    """Start ZooKeeper alone on Solr's own data, put `security.json` there, close its root, stop it (about 3 s)."""
    security = secrets.directory / "security.json"
    secret_files.write_secret(security, security_json(secrets))
    zookeeper = _start_zookeeper(home, jars, port, java)
    try:
        _wait_for_port(zookeeper, port)
        for command in (["putfile", "/security.json", str(security)], ["updateacls", "/"]):
            _zookeeper_tool(command, jars, secrets, port, java)
    finally:
        zookeeper.terminate()
        zookeeper.wait(30)
        security.unlink(missing_ok=True)


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


def _zookeeper_tool(command: list[str], jars: Path, secrets: SolrSecrets, port: int, java: str) -> None:
    base = [java, *secrets.zookeeper_options(), "-cp", f"{jars}/*", "org.apache.solr.cloud.ZkCLI"]
    arguments = ["--zk-host", f"{HOST}:{port}", "-cmd", *command]
    done = subprocess.run([*base, *arguments], capture_output=True, timeout=120, check=False)
    if done.returncode != 0:
        raise SiteError(f"Solr's security could not be put into ZooKeeper ({command[0]})")


def _zookeeper_credentials() -> str:
    lines = {
        "zkDigestUsername": "solr",
        "zkDigestPassword": secret_files.password(),
        "zkDigestReadonlyUsername": "solr-readonly",
        "zkDigestReadonlyPassword": secret_files.password(),
    }
    return "".join(f"{name}={value}\n" for name, value in lines.items())
