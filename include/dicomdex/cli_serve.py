"""`dicomdex serve`: the page, as a program of its own; `dicomdex users` and `dicomdex trail`, which belong to it."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from dicomdex.cli_errors import CannotGoOn

if TYPE_CHECKING:
    from dicomdex_web.settings import WebSettings

FEW = 1  # what was typed, and which codes were used, is in the memory of one program
trail_app = typer.Typer(help="The access trail of the page.", no_args_is_help=True)


def serve() -> None:
    """Serve the page, by default on 127.0.0.1:8800, until Ctrl-C; settings are DICOMDEX_WEB_* (docs/page.md)."""
    from granian import Granian
    from granian.constants import Interfaces

    web = _settings()
    server = Granian(
        "dicomdex_web.asgi:make",
        factory=True,
        interface=Interfaces.ASGI,
        address=web.host,
        port=web.port,
        workers=FEW,
        websockets=False,
        log_access=False,  # the access trail says who did what
        respawn_failed_workers=True,
    )
    server.serve()


def user(
    name: Annotated[str, typer.Argument(help="Name to log in with.")],
    role: Annotated[str, typer.Option(help="viewer, user, op or admin.")] = "viewer",
) -> None:
    """Add a user of the page, or give one a new role and password; the password comes by standard input."""
    from dicomdex_web.session import Role
    from dicomdex_web.users import Users

    if role not in Role.__members__:
        raise CannotGoOn(f"a role is one of {', '.join(Role.__members__)}")
    users = Users(_settings().secrets)
    password = _password()
    users.put(name, Role[role], password)
    sys.stdout.write(f"{name} is {role} now\n")


@trail_app.command()
def verify() -> None:
    """Read the whole access trail; exit code 1 where a line was changed, taken out or cut off."""
    from dicomdex_web.keys import Keys
    from dicomdex_web.trail import verify as look

    web = _settings()
    found = look(web.own_files / "trail.jsonl", Keys(web.secrets).trail)
    last = f", the last of {found.last}" if found.last else ""
    sys.stdout.write(f"{found.lines:,} lines as they were written{last}\n")
    if found.wrong:
        sys.stdout.write(f"{found.wrong}\n")
        raise typer.Exit(1)


@trail_app.callback()
def _trail() -> None:
    """Keeps `verify` a word of its own."""


def _settings() -> WebSettings:
    """DICOMDEX_WEB_* where they or a Solr are named, else the page of this machine's site."""
    from dicomdex_web.settings import WebSettings

    if not os.environ.get("DICOMDEX_SOLR_URL") and not os.environ.get("DICOMDEX_WEB_DIRECTORY"):
        from dicomdex_local.cluster import site_of_environment

        os.environ.update(site_of_environment().page.settings())
    return WebSettings.load()


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    password = sys.stdin.readline().rstrip("\n")
    if not password:
        raise CannotGoOn("standard input has no password")
    return password
