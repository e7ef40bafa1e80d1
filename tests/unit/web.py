"""The page without engines: its application on a Solr that does not answer, and clients that are logged in."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient

from dicomdex.settings import Settings
from dicomdex_local.ports import free_ports
from dicomdex_web import keys
from dicomdex_web.app import create_app
from dicomdex_web.session import Role
from dicomdex_web.settings import WebSettings

PASSWORD = "long enough"


def page(root: Path, **web: str) -> FastAPI:
    """An application whose files lie below the directory, with a user of each role."""
    (port,) = free_ports(1)
    areas = {name: str(root / name) for name in ("landing", "work", "catalog")}
    settings = Settings.load(**areas, solr_url=f"http://127.0.0.1:{port}/solr")
    (root / "secrets").mkdir(mode=0o700, exist_ok=True)
    keys.replace(root / "secrets" / "web_users", _users())
    return create_app(settings, WebSettings(directory=root, **web))


@cache
def _users() -> str:
    """A user of each role with one password; hashing takes long, as it should."""
    kept = PasswordHasher().hash(PASSWORD)
    return json.dumps({role.name: {"role": role.name, "password": kept} for role in Role})


def client(app: FastAPI, name: str = "") -> TestClient:
    """A browser; logged in where a name is given."""
    made = TestClient(app, follow_redirects=False)
    if name:
        answer = made.post("/login", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303
    return made


def csrf(browser: TestClient) -> str:
    """The token in the forms of this session."""
    found = re.search(r'name="csrf" value="([^"]+)"', browser.get("/").text)
    assert found
    return found[1]


def trail(root: Path) -> list[dict[str, object]]:
    """The lines of the access trail."""
    return [json.loads(line) for line in (root / "web" / "trail.jsonl").read_text().splitlines()]
