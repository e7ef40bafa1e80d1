"""Coming in and going out: by name and password, or by a one-time code that Airflow's plugin has minted."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from dicomdex_web.failures import login_page
from dicomdex_web.session import Forbidden, Viewer, address

router = APIRouter()
Text = Annotated[str, Form(max_length=1_000)]


@router.post("/login")
def log_in(request: Request, name: Text = "", password: Text = "", wanted: Text = "/") -> Response:
    """Name and password; then the page that was wanted."""
    _own_form(request)
    people, trail, where = request.app.state.people, request.app.state.trail, address(request)
    wait = people.throttle.wait(name, where)
    if wait:
        trail.add("", "login", "throttled", [], where)
        answer = login_page(request, wanted=_local(wanted), status=429, said=f"Too many tries: wait {_minutes(wait)}.")
        answer.headers["Retry-After"] = str(int(wait) + 1)
        return answer
    answer = RedirectResponse(_local(wanted), status_code=303)
    person = people.log_in(answer, name, password)
    if person is None:
        people.throttle.failed(name, where)
        trail.add("", "login", "refused", [], where)
        return login_page(request, wanted=_local(wanted), said="Name or password is not right.")
    people.throttle.succeeded(name, where)
    trail.add(person, "login", "ok", [], where)
    return answer


@router.get("/enter", include_in_schema=False)
def enter(request: Request, code: str = "", wanted: str = "/") -> Response:
    """By a code from Airflow, which is worth something for 60 s and once."""
    answer = RedirectResponse(_local(wanted), status_code=303)
    person = request.app.state.people.enter(answer, code)
    if person is None:
        request.app.state.trail.add("", "login", "code refused", [], address(request))
        return login_page(request, said="This way in from Airflow has run out: choose DICOM in Airflow's menu again.")
    request.app.state.trail.add(person, "login", "ok by Airflow", [], address(request))
    return answer


@router.post("/logout", include_in_schema=False)
def log_out(request: Request, person: Viewer) -> Response:
    """End the session."""
    answer = RedirectResponse("/", status_code=303)
    request.app.state.people.sessions.end(answer, person)
    request.app.state.trail.add(person, "logout", "ok", [], address(request))
    return answer


def _own_form(request: Request) -> None:
    """A login form of somebody else's page would log a person in as another."""
    origin = request.headers.get("origin", "")
    if origin and origin != "null" and urlsplit(origin).netloc != request.headers.get("host", ""):
        raise Forbidden("This form came from another page.")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("This form came from another page.")


def _local(wanted: str) -> str:
    """An address of this page alone: whoever made the link must not send people elsewhere."""
    parts = urlsplit(wanted)
    fine = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and not parts.netloc and wanted.isprintable()
    return wanted if fine and parts.path not in ("/login", "/logout", "/enter") else "/"


def _minutes(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return "a minute" if minutes == 1 else f"{minutes} minutes"
