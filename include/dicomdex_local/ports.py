"""Ports of a local site, all on 127.0.0.1."""

from __future__ import annotations

import os
import random
import socket
from dataclasses import dataclass

from dicomdex_local.errors import SiteError

HOST = "127.0.0.1"
# Below Linux's ephemeral ports (32768 and up): no outgoing connection takes one before its server listens.
FREE = range(20_000, 32_000)


@dataclass(frozen=True)
class Ports:
    """The ports that a site listens on; ZooKeeper's is Solr's plus 1000 unless it is set."""

    solr: int = 8983
    zookeeper: int = 9983
    airflow: int = 8080
    web: int = 8800

    @classmethod
    def from_environment(cls) -> Ports:
        """`DICOMDEX_{SOLR,ZOOKEEPER,AIRFLOW,WEB}_PORT`, or the usual ones."""
        solr = number("DICOMDEX_SOLR_PORT", cls.solr)
        return cls(
            solr=solr,
            zookeeper=number("DICOMDEX_ZOOKEEPER_PORT", solr + 1000),
            airflow=number("DICOMDEX_AIRFLOW_PORT", cls.airflow),
            web=number("DICOMDEX_WEB_PORT", cls.web),
        )

    @classmethod
    def free(cls) -> Ports:
        """Four ports that nobody listens on now."""
        return cls(*free_ports(4))


def free_ports(count: int) -> list[int]:
    """So many different ports of `FREE` that nobody listens on now."""
    found: list[int] = []
    for port in random.sample(FREE, len(FREE)):
        if len(found) == count:
            return found
        if _is_free(port):
            found.append(port)
    raise SiteError(f"no {count} ports are free from {FREE.start} to {FREE.stop - 1}")


def require_free(port: int, setting: str) -> None:
    """SiteError naming the setting when another program listens on the port."""
    if not _is_free(port):
        raise SiteError(f"port {port} is taken by another program: set {setting}")


def _is_free(port: int) -> bool:
    with socket.socket() as sock:
        # Without it a port whose last connection is in TIME_WAIT would look taken for a minute.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((HOST, port))
        except OSError:
            return False
    return True


def number(name: str, default: int) -> int:
    """A port from the environment; SiteError naming the variable where it holds none."""
    text = os.environ.get(name, "")
    if not text:
        return default
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise SiteError(f"{name} must be a port number from 1 to 65535")
    return int(text)
