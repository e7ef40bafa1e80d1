"""Ports of a local site, all on 127.0.0.1."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from dicomdex_local.errors import SiteError

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    """The ports that a site listens on; ZooKeeper's is Solr's plus 1000 unless it is set."""

    solr: int = 8983
    zookeeper: int = 9983
    airflow: int = 8080

    @classmethod
    def from_environment(cls) -> Ports:
        """`DICOMDEX_SOLR_PORT`, `DICOMDEX_ZOOKEEPER_PORT`, `DICOMDEX_AIRFLOW_PORT`, else the usual ones."""
        solr = _number("DICOMDEX_SOLR_PORT", cls.solr)
        return cls(
            solr=solr,
            zookeeper=_number("DICOMDEX_ZOOKEEPER_PORT", solr + 1000),
            airflow=_number("DICOMDEX_AIRFLOW_PORT", cls.airflow),
        )

    @classmethod
    def free(cls) -> Ports:
        """Three ports that nobody listens on now."""
        return cls(*free_ports(3))


def free_ports(count: int) -> list[int]:
    """So many different ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for sock in sockets:
            sock.bind((HOST, 0))
        return [int(sock.getsockname()[1]) for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


def require_free(port: int, setting: str) -> None:
    """SiteError naming the setting when another program listens on the port."""
    with socket.socket() as sock:
        # Without it a port whose last connection is in TIME_WAIT would look taken for a minute.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((HOST, port))
        except OSError:
            raise SiteError(f"port {port} is taken by another program: set {setting}") from None


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    if not text:
        return default
    if not text.isdigit() or not 1 <= int(text) <= 65535:
        raise SiteError(f"{name} must be a port number from 1 to 65535")
    return int(text)
