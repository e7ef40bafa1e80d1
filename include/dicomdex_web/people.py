"""Everybody who may come in: own users with passwords, and those whom Airflow sends with a one-time code."""

from __future__ import annotations

from fastapi import Request, Response

from dicomdex_web.handover import Handover
from dicomdex_web.keys import Keys
from dicomdex_web.session import Person, Role, Sessions
from dicomdex_web.settings import WebSettings
from dicomdex_web.throttle import Throttle
from dicomdex_web.users import Users


class People:
    """Sessions, users and codes of one page."""

    def __init__(self, web: WebSettings, kept: Keys) -> None:
        self.sessions = Sessions(kept.session, web.session_hours, secure=web.origin.startswith("https:"))
        self.users = Users(web.secrets)
        self.throttle = Throttle()
        self.handover = Handover(web)

    def person(self, request: Request) -> Person | None:
        """Whose session this is; a user of the page who was taken out, or has another role now, is out at once."""
        found = self.sessions.person(request)
        if found is None or found.origin == "airflow":
            return found
        return found if self.users.role(found.name) == found.role else None

    def log_in(self, response: Response, name: str, password: str) -> Person | None:
        """By name and password; None where they are nobody's."""
        role = self.users.check(name, password)
        return self.sessions.begin(response, name, role) if role else None

    def enter(self, response: Response, code: str) -> Person | None:
        """By a code of Airflow's plugin, with Airflow's token where it gives one; None for a code that is none."""
        carried = self.handover.redeem(code)
        if carried is None:
            return None
        person = self.sessions.begin(response, carried.name, Role[carried.role], origin="airflow")
        token = self.handover.airflow_token(code)
        if token:
            self.sessions.keep_airflow_token(person, token)
        return person
