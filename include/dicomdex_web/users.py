"""The page's own users: a JSON file `{"name": {"role": "admin", "password": "$argon2id$..."}}` of mode 0600.

At the first start `admin` and `viewer` are made; their passwords lie in the file `web` beside it, as Airflow's do.
"""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from dicomdex.errors import SettingsError
from dicomdex_web import keys
from dicomdex_web.session import Role

FIRST = {"admin": Role.admin, "viewer": Role.viewer}
PASSWORD_MAX = 1_000  # characters: hashing takes longer the longer it is
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_HASHER = PasswordHasher()  # argon2id, 64 MiB, 3 passes: the defaults of RFC 9106's second choice


class Users:
    """Reads the file again when it has changed, so that a user who is taken out is out at once."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "web_users"
        _ensure(self.path, directory / "web")
        self._seen: tuple[int, int] | None = None
        self._users: dict[str, tuple[Role, str]] = {}
        self._nobody = _HASHER.hash(secrets.token_urlsafe(12))

    def role(self, name: str) -> Role | None:
        """The user's role now; None for nobody of that name."""
        found = self._read().get(name)
        return found[0] if found else None

    def check(self, name: str, password: str) -> Role | None:
        """The role of whom this name and password belong to; takes as long for names that nobody has."""
        role, kept = self._read().get(name, (None, self._nobody))
        if len(password) > PASSWORD_MAX:
            return None
        try:
            return role if _HASHER.verify(kept, password) else None
        except (VerificationError, InvalidHashError):
            return None

    def put(self, name: str, role: Role, password: str) -> None:
        """Add a user or give one a new role and password; SettingsError for a name that is none."""
        if not _NAME.fullmatch(name):
            raise SettingsError("a user's name is of letters, digits and . _ @ -, at most 64")
        users = json.loads(self.path.read_text(encoding="utf-8"))
        users[name] = {"role": role.name, "password": _HASHER.hash(password)}
        keys.replace(self.path, json.dumps(users, indent=1) + "\n")

    def _read(self) -> dict[str, tuple[Role, str]]:
        try:
            status = self.path.stat()
            seen = (status.st_mtime_ns, status.st_ino)
            if seen != self._seen:
                users = json.loads(self.path.read_text(encoding="utf-8"))
                self._users = {name: (Role[one["role"]], str(one["password"])) for name, one in users.items()}
                self._seen = seen
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SettingsError(f"the users of the page can't be read ({type(error).__name__})") from None
        return self._users


def _ensure(path: Path, passwords: Path) -> None:
    if path.exists():
        return
    made = json.loads(keys.once(passwords, lambda: json.dumps({name: secrets.token_urlsafe(24) for name in FIRST})))
    users = {
        name: {"role": FIRST.get(name, Role.viewer).name, "password": _HASHER.hash(str(password))}
        for name, password in made.items()
    }
    keys.once(path, lambda: json.dumps(users, indent=1) + "\n")
