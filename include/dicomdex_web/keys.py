"""The page's keys and passwords: files of mode 0600, made the first time they are needed, never shown or passed on."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from dicomdex.errors import SettingsError


class Keys:
    """The keys of one page, below its directory of secrets."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def session(self) -> str:
        """Signs the cookies."""
        return once(self.directory / "web_session")

    @property
    def queries(self) -> bytes:
        """Makes ids of queries."""
        return once(self.directory / "web_queries").encode()

    @property
    def trail(self) -> bytes:
        """Chains the access trail."""
        return once(self.directory / "web_trail").encode()


def once(path: Path, make: Callable[[], str] = lambda: secrets.token_urlsafe(36)) -> str:
    """The text of a file; made and written the first time, whole, by whoever comes first."""
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(path, make())
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(f"the secret {path.name} can't be kept ({type(error).__name__})") from None


def replace(path: Path, text: str) -> None:
    """Write a secret anew, whole or not at all."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    try:
        os.link(temporary, path)  # unlike a rename it never takes the place of what another program wrote meanwhile
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
