"""What Airflow's plugin and the page say to each other, so that nobody logs in twice: both hold one secret.

code   signed: who, which role, a nonce; worth something for 60 s. It travels in an address and gives no right
       in Airflow.
proof  the code, signed again under another name: only the page can make it, and gets Airflow's token for it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer

SECONDS = 60
ROLES = ("viewer", "user", "op", "admin")
CODE_MAX = 4_000  # characters


@dataclass(frozen=True)
class Carried:
    """Who is carried over. `user` = how Airflow knows its user again; `minted` in seconds since 1970."""

    name: str
    role: str
    nonce: str
    user: dict[str, Any]
    minted: float


def mint(secret: str, name: str, role: str, user: dict[str, Any]) -> str:
    """A code for somebody who is logged in to Airflow."""
    return _codes(secret).dumps([name, role, secrets.token_urlsafe(18), user])


def read(secret: str, code: str) -> Carried | None:
    """Whom a code is for; None for a forged one, one that has run out, one that says no role."""
    if len(code) > CODE_MAX:
        return None
    try:
        found, at = _codes(secret).loads(code, max_age=SECONDS, return_timestamp=True)
        name, role, nonce, user = found
    except (BadData, ValueError, TypeError):
        return None
    return Carried(name, role, nonce, user, at.timestamp()) if role in ROLES else None


def prove(secret: str, code: str) -> str:
    """What Airflow wants to see before it gives a token."""
    return _proofs(secret).dumps(code)


def proved(secret: str, proof: str) -> Carried | None:
    """Whom the page asks a token for; None where it can't show that it is the page."""
    if len(proof) > 2 * CODE_MAX:
        return None
    try:
        return read(secret, str(_proofs(secret).loads(proof, max_age=SECONDS)))
    except BadData:
        return None


def _codes(secret: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret, salt="dicomdex code")


def _proofs(secret: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret, salt="dicomdex proof")
