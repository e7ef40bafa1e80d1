"""docker-compose.yaml as Compose reads it: anchors merged, variables put in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

REPO = Path(__file__).parents[1]
FILE = REPO / "docker-compose.yaml"
PROFILES = ("core", "hdfs", "cluster")
# What `make secrets` writes into .env.
OWNER = {"DICOMDEX_UID": "1000", "DICOMDEX_GID": "1000"}
_VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?::([-?])([^}]*))?\}")


def compose_file(profile: str = "core", **variables: str) -> dict[str, Any]:
    """The file with the variables of a profile's own .env file, and with these."""
    known = {**OWNER, **environment_file(profile), **variables}
    found: dict[str, Any] = _put_in(yaml.safe_load(FILE.read_text()), known)
    return found


def services(profile: str = "core", **variables: str) -> dict[str, Any]:
    """The services that a profile starts."""
    every = compose_file(profile, **variables)["services"]
    return {name: service for name, service in every.items() if profile in service["profiles"]}


def environment_file(profile: str) -> dict[str, str]:
    """The variables of compose/<profile>.env; none where there is no such file."""
    path = REPO / "compose" / f"{profile}.env"
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def renamed(service: dict[str, Any], original: str, name: str) -> dict[str, Any]:
    """A copy of a service that is called `name`."""

    def put_in(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: put_in(one) for key, one in value.items()}
        if isinstance(value, list):
            return [put_in(one) for one in value]
        return value.replace(f"@{original}", f"@{name}") if isinstance(value, str) else value

    found: dict[str, Any] = put_in(service)
    return found


def _put_in(value: Any, known: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _put_in(one, known) for key, one in value.items()}
    if isinstance(value, list):
        return [_put_in(one, known) for one in value]
    return _VARIABLE.sub(lambda found: _value(found, known), value) if isinstance(value, str) else value


def _value(found: re.Match[str], known: Mapping[str, str]) -> str:
    name, kind, text = found.groups()
    if name is None:
        return "$"
    if known.get(name):
        return known[name]
    assert kind != "?", f"{name}: {text}"
    return text or ""
