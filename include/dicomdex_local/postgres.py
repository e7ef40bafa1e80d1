"""PostgreSQL of Debian for Airflow's metadata: one server on 127.0.0.1, one role, its password in a file."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import quote

import psycopg2

from dicomdex_local import pids, secret_files
from dicomdex_local.debian import ensure_program
from dicomdex_local.engine import Engine
from dicomdex_local.errors import SiteError
from dicomdex_local.ports import HOST

PLACES = ("/usr/lib/postgresql/*/bin",)
PACKAGE = "postgresql-15"
ROLE = "airflow"
# PostgreSQL refuses to run as root; Debian's package makes this user.
SYSTEM_USER = "postgres"
# Airflow's components hold up to 15 connections each, a worker's tasks none.
OPTIONS = {"max_connections": "150", "shared_buffers": "64MB", "fsync": "on", "unix_socket_directories": ""}


class Postgres(Engine):
    """A server with the database `airflow`; password (0600) and URL files lie in `secrets`."""

    name = "postgres"
    port_setting = "DICOMDEX_POSTGRES_PORT"
    stop_signal = signal.SIGINT  # "fast": TERM would wait until every client has gone

    def __init__(self, home: Path, secrets: Path, port: int, *, environment: dict[str, str] | None = None) -> None:
        super().__init__(home, port, environment=environment)
        self.password_file = secrets.absolute() / "postgres"
        self.url_file = secrets.absolute() / "postgres_url"
        self.result_url_file = secrets.absolute() / "celery_result_url"
        self.data = self.home / "data"  # PostgreSQL's own name for it

    def command(self) -> list[str]:
        """`postgres` on TCP alone, as `postgres` where we are root."""
        options = {"listen_addresses": self.host, "port": str(self.port), **OPTIONS}
        arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return [*as_system_user(), str(_program("postgres")), "-D", str(self.data), *arguments]

    def prepare(self) -> None:
        """The secrets, and the cluster of database files the first time."""
        secret_files.once(self.password_file)
        self._write_urls()
        if not (self.data / "PG_VERSION").exists():
            self._initdb()

    def is_ready(self) -> bool:
        """Whether it takes our password; makes the database the first time."""
        try:
            connection = self._connect("postgres")
        except psycopg2.OperationalError:
            return False
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_database WHERE datname = %s", (ROLE,))
            if not cursor.fetchone()[0]:
                cursor.execute(f"CREATE DATABASE {ROLE}")
        connection.close()
        return True

    def _connect(self, database: str) -> psycopg2.extensions.connection:
        password = self.password_file.read_text()
        return psycopg2.connect(
            host=HOST, port=self.port, user=ROLE, password=password, dbname=database, connect_timeout=5
        )

    def _write_urls(self) -> None:
        where = f"{ROLE}:{quote(self.password_file.read_text())}@{HOST}:{self.port}/{ROLE}"
        secret_files.write_secret(self.url_file, f"postgresql+psycopg2://{where}")
        secret_files.write_secret(self.result_url_file, f"db+postgresql+psycopg2://{where}")

    def _initdb(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)  # half of one, from a first start that was interrupted
        if os.geteuid() == 0:
            user = pwd.getpwnam(SYSTEM_USER)
            os.chown(self.home, user.pw_uid, user.pw_gid)
        command = [*as_system_user(), str(_program("initdb")), "-D", str(self.data), "-U", ROLE, "-E", "UTF8"]
        command += ["--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={self.password_file}"]
        done = subprocess.run(command, cwd=self.home, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SiteError(f"initdb failed: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")


def _program(name: str) -> Path:
    return ensure_program(name, PACKAGE, PLACES)


def as_system_user() -> list[str]:
    """Where we are root: become `postgres`, with leave to pass our directories of mode 0700 and read the password."""
    if os.geteuid() != 0:
        return []
    _program("postgres")  # its package makes the user
    user = [f"--reuid={SYSTEM_USER}", f"--regid={SYSTEM_USER}", "--init-groups"]
    return ["setpriv", *user, "--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--"]


def running(home: Path) -> bool:
    """Whether a server of this home runs."""
    return pids.running(home / "postgres.json") is not None
