"""The commands around the page: users by standard input, the trail by its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dicomdex.cli import app
from dicomdex.cli_errors import CannotGoOn
from dicomdex_web.keys import Keys
from dicomdex_web.session import Role
from dicomdex_web.trail import Trail
from dicomdex_web.users import Users


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's own directory, named by the environment alone."""
    monkeypatch.setenv("DICOMDEX_WEB_DIRECTORY", str(tmp_path))
    return tmp_path


def run(*arguments: str, said: str = "") -> Result:
    return CliRunner().invoke(app, list(arguments), input=said)


def test_a_user_is_added_with_a_password_from_standard_input(directory: Path) -> None:
    done = run("user", "anna", "--role", "op", said="her password\n")
    assert (done.exit_code, done.stdout) == (0, "anna is op now\n")
    assert Users(directory / "secrets").check("anna", "her password") is Role.op
    assert run("user", "anna", "--role", "viewer", said="another\n").exit_code == 0
    users = Users(directory / "secrets")
    assert users.check("anna", "her password") is None
    assert users.check("anna", "another") is Role.viewer


def test_without_a_role_or_a_password_nobody_is_added(directory: Path) -> None:
    for arguments, said in ((("user", "anna", "--role", "emperor"), "x\n"), (("user", "anna"), "")):
        done = run(*arguments, said=said)
        assert isinstance(done.exception, CannotGoOn)
    assert "anna" not in json.loads((directory / "secrets" / "web_users").read_text())


def test_the_trail_is_verified_by_its_exit_code(directory: Path) -> None:
    path = directory / "web" / "trail.jsonl"
    trail = Trail(path, Keys(directory / "secrets").trail)
    for number in range(3):
        trail.add("anna", "view", "ok", [str(number)], "")
    trail.close()
    done = run("trail", "verify")
    assert (done.exit_code, done.stdout.startswith("3 lines as they were written, the last of 20")) == (0, True)
    path.write_text(path.read_text().replace('"ids":["1"]', '"ids":["9"]'))
    done = run("trail", "verify")
    assert done.exit_code == 1
    assert "line 2 is not as it was written" in done.stdout
