"""Who asks: a person with a role, from a signed cookie; what every route requires of one.

    @router.get("/x")
    def x(person: Annotated[Person, Depends(at_least(Role.viewer))]) -> Response: ...

Nobody = NotLoggedIn (401); too low a role, or a change without the session's own token = Forbidden (403).
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated

from fastapi import Depends, Request, Response
from itsdangerous import BadData, URLSafeTimedSerializer

COOKIE = "dicomdex_session"
CSRF_FIELD = "csrf"
CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD"})


class Role(IntEnum):
    """Airflow's roles: a higher one may all that a lower one may."""

    viewer = 1
    user = 2
    op = 3
    admin = 4


@dataclass(frozen=True)
class Person:
    """Somebody who is logged in. `origin`: `page` = by the page's own login, `airflow` = carried over from there."""

    name: str
    role: Role
    session: str = ""
    csrf: str = ""
    origin: str = "page"

    @property
    def may_operate(self) -> bool:
        """Whether drops, collections and their buttons are shown."""
        return self.role >= Role.op


class NotLoggedIn(Exception):
    """Nobody is known by the request's cookie."""


class Forbidden(Exception):
    """The person is known and may not; the text is a sentence for people."""


class Sessions:
    """Makes and reads the cookie. What was ended stays ended until it would have run out by itself."""

    def __init__(self, key: str, hours: float, *, secure: bool) -> None:
        self._signer = URLSafeTimedSerializer(key, salt="dicomdex session")
        self._seconds = int(hours * 3600)
        self._secure = secure
        self._ended: dict[str, float] = {}
        self.airflow_tokens: dict[str, tuple[str, float]] = {}

    def begin(self, response: Response, name: str, role: Role, origin: str = "page") -> Person:
        """Log a person in: a session of a new name, so that none that was there before becomes theirs."""
        person = Person(name, role, secrets.token_urlsafe(18), secrets.token_urlsafe(18), origin)
        value = self._signer.dumps([person.name, person.role.name, person.session, person.csrf, person.origin])
        response.set_cookie(
            COOKIE, value, max_age=self._seconds, httponly=True, samesite="lax", secure=self._secure, path="/"
        )
        return person

    def person(self, request: Request) -> Person | None:
        """Whose cookie this is; None for none, a forged one, one that has run out or was ended."""
        try:
            found = self._signer.loads(request.cookies.get(COOKIE, ""), max_age=self._seconds)
            name, role, session, csrf, origin = found
            return None if session in self._ended else Person(name, Role[role], session, csrf, origin)
        except (BadData, ValueError, KeyError):
            return None

    def end(self, response: Response, person: Person) -> None:
        """Log out: the cookie is worth nothing from now on, wherever a copy of it is."""
        now = time.time()
        self._ended = {one: until for one, until in self._ended.items() if until > now}
        self._ended[person.session] = now + self._seconds
        self.airflow_tokens.pop(person.session, None)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax", secure=self._secure)

    def keep_airflow_token(self, person: Person, token: str) -> None:
        """Airflow's token of a session, in memory alone, as long as the session can last."""
        now = time.time()
        self.airflow_tokens = {key: kept for key, kept in self.airflow_tokens.items() if kept[1] > now}
        self.airflow_tokens[person.session] = (token, now + self._seconds)

    def airflow_token(self, person: Person) -> str:
        """Empty where the person has not come by way of Airflow, or the page was started anew since."""
        return self.airflow_tokens.get(person.session, ("", 0.0))[0]


def at_least(role: Role) -> Callable[[Request], Awaitable[Person]]:
    """The dependency of every route: the person, of this role or a higher one, with the token where they change."""

    async def person_of(request: Request) -> Person:
        person: Person | None = request.app.state.people.person(request)
        if person is None:
            raise NotLoggedIn
        request.state.person = person
        if person.role < role:
            raise Forbidden(f"This needs the role {role.name}; yours is {person.role.name}.")
        if request.method not in SAFE_METHODS and not await _has_token(request, person):
            raise Forbidden("This form is not of your session: open the page again.")
        return person

    person_of.dicomdex_role = role  # type: ignore[attr-defined]  # read by the test that looks at every route
    return person_of


Viewer = Annotated[Person, Depends(at_least(Role.viewer))]
User = Annotated[Person, Depends(at_least(Role.user))]
Op = Annotated[Person, Depends(at_least(Role.op))]
Admin = Annotated[Person, Depends(at_least(Role.admin))]


async def _has_token(request: Request, person: Person) -> bool:
    sent = request.headers.get(CSRF_HEADER)
    if sent is None and _is_form(request):
        form = await request.form()
        sent = str(form.get(CSRF_FIELD, ""))
    return hmac.compare_digest((sent or "").encode(), person.csrf.encode())


def _is_form(request: Request) -> bool:
    kind = request.headers.get("content-type", "")
    return kind.startswith(("application/x-www-form-urlencoded", "multipart/form-data"))


def address(request: Request) -> str:
    """Where the request came from, for the trail."""
    return request.client.host if request.client else ""
