"""Redis of Debian as Celery's broker: on 127.0.0.1, with a password, nothing kept on disk."""

from __future__ import annotations

from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from dicomdex_local import secret_files
from dicomdex_local.debian import ensure_program
from dicomdex_local.engine import Engine


class RedisServer(Engine):
    """A broker; its configuration (it names the password) and its URL are files of mode 0600 in `secrets`.

    What is queued lives in memory: Airflow queues a task again that nobody has taken for `task_queued_timeout`.
    """

    name = "redis"
    port_setting = "DICOMDEX_REDIS_PORT"

    def __init__(self, home: Path, secrets: Path, port: int, *, environment: dict[str, str] | None = None) -> None:
        super().__init__(home, port, environment=environment)
        self.password_file = secrets.absolute() / "redis"
        self.configuration_file = secrets.absolute() / "redis.conf"
        self.url_file = secrets.absolute() / "celery_broker_url"

    def command(self) -> list[str]:
        """`redis-server` with its configuration file."""
        return [str(ensure_program("redis-server", "redis-server")), str(self.configuration_file)]

    def prepare(self) -> None:
        """The password, and the files that name it."""
        password = secret_files.once(self.password_file)
        secret_files.write_secret(self.configuration_file, configuration(password, self.host, self.port))
        secret_files.write_secret(self.url_file, f"redis://:{password}@{self.host}:{self.port}/0")

    def is_ready(self) -> bool:
        """Whether it answers to our password."""
        try:
            with Redis(host=self.host, port=self.port, password=self.password_file.read_text()) as client:
                return bool(client.ping())
        except RedisError:
            return False


def configuration(password: str, host: str, port: int) -> str:
    """`redis.conf` of a broker."""
    lines = {
        "bind": host,
        "port": str(port),
        "requirepass": password,
        "save": '""',
        "appendonly": "no",
        # A broker that drops messages would lose tasks: with no room left it refuses instead.
        "maxmemory-policy": "noeviction",
        "maxmemory": "128mb",
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())
