"""Programs of Debian beside which the page is measured: nginx with sendfile, Redis. On loopback, without disks."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from dicomdex_local.debian import ensure_program
from dicomdex_local.ports import HOST, free_ports
from tests.integration.waiting import wait_for

ELSEWHERE = ("/usr/local/sbin", "/usr/sbin", "/sbin")
LIMIT = 30.0
NGINX = """\
worker_processes 2; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 512; }}
http {{ access_log off; sendfile on; tcp_nopush on; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen {host}:{port}; root {root}; }} }}
"""


@contextmanager
def nginx(folder: Path, root: Path) -> Iterator[int]:
    """The port on which nginx sends the files below `root`."""
    (port,) = free_ports(1)
    conf = folder / "nginx.conf"
    conf.write_text(NGINX.format(folder=folder, host=HOST, port=port, root=root))
    program = [str(ensure_program("nginx", "nginx-light", ELSEWHERE)), "-c", str(conf), "-e", str(folder / "nginx.log")]
    running = subprocess.Popen(program)
    try:
        wait_for("nginx", lambda: (folder / "nginx.pid").exists(), LIMIT)
        yield port
    finally:
        running.terminate()
        running.wait(LIMIT)


@contextmanager
def redis_server(folder: Path) -> Iterator[redis.Redis]:
    """A client of a Redis that keeps everything in memory and writes nothing down."""
    (port,) = free_ports(1)
    given = {"bind": HOST, "port": str(port), "save": "", "appendonly": "no", "dir": str(folder), "loglevel": "warning"}
    program = [
        str(ensure_program("redis-server", "redis-server", ELSEWHERE)),
        *(part for key, value in given.items() for part in (f"--{key}", value)),
    ]
    running = subprocess.Popen(program, stdout=subprocess.DEVNULL)
    client = redis.Redis(HOST, port)

    def answers() -> bool:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False

    try:
        wait_for("Redis", answers, LIMIT)
        yield client
    finally:
        client.close()
        running.terminate()
        running.wait(LIMIT)
