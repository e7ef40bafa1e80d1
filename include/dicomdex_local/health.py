"""One look at a service, for the health checks of docker-compose.yaml: exit code 0 or 1, in a tenth of a CPU second.

python -m dicomdex_local.health http URL
python -m dicomdex_local.health airflow COMPONENT URL      what Airflow says of scheduler, triggerer, dag_processor
python -m dicomdex_local.health solr URL PASSWORD_FILE
python -m dicomdex_local.health zookeeper HOST PORT
python -m dicomdex_local.health port HOST PORT
python -m dicomdex_local.health celery BROKER_URL_FILE NODE
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from dicomdex_local import solr_ready
from dicomdex_local.solr_security import ADMIN
from dicomdex_local.zookeeper import four_letters

SECONDS = 5.0


def http(url: str) -> bool:
    """Whether a GET is answered with 2xx."""
    return httpx.get(url, timeout=SECONDS, trust_env=False).is_success


def airflow(component: str, url: str) -> bool:
    """Whether the api-server knows a fresh heartbeat of the component; `metadatabase` is one, too."""
    said = httpx.get(f"{url}/api/v2/monitor/health", timeout=SECONDS, trust_env=False).raise_for_status().json()
    return bool(said[component]["status"] == "healthy")


def solr(url: str, password_file: str) -> bool:
    """Whether the node and each of its cores answers."""
    auth = (ADMIN, Path(password_file).read_text())
    with httpx.Client(base_url=f"{url}/", auth=auth, timeout=SECONDS, trust_env=False) as client:
        return solr_ready.look(client) in solr_ready.LOOKS_NEEDED


def zookeeper(host: str, port: str) -> bool:
    """Whether it says `imok`."""
    return four_letters(host, int(port), b"ruok") == b"imok"


def port(host: str, number: str) -> bool:
    """Whether somebody listens."""
    with socket.create_connection((host, int(number)), timeout=SECONDS):
        return True


def celery(broker_url_file: str, node: str) -> bool:
    """Whether the worker of this name answers over the broker."""
    from celery import Celery

    with Celery(broker=Path(broker_url_file).read_text(), set_as_current=False) as app:
        return bool(app.control.ping(destination=[node], timeout=SECONDS, limit=1))


LOOKS: dict[str, Callable[..., bool]] = {one.__name__: one for one in (http, airflow, solr, zookeeper, port, celery)}


def main(arguments: list[str]) -> int:
    """0 where the service is well; 1, with the kind of the error, where it is not."""
    try:
        return 0 if LOOKS[arguments[0]](*arguments[1:]) else 1
    except Exception as error:  # noqa: BLE001 # whatever it is, the service is not well
        sys.stderr.write(f"{type(error).__name__}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
