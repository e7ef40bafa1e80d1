"""Passwords and keys of a local site: generated once, each in a file of mode 0600, never printed or passed on."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def password() -> str:
    """32 letters, digits, `-` and `_`: 190 bits, and nothing that a shell or a URL would bend."""
    return secrets.token_urlsafe(24)


def write_secret(path: Path, text: str) -> None:
    """Write a file of mode 0600, whole or not at all."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    temporary.replace(path)


def once(path: Path, make: Callable[[], str] = password) -> str:
    """The secret of this file; made and written the first time."""
    if not path.exists():
        write_secret(path, make())
    return path.read_text()
