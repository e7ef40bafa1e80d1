"""What goes wrong, as pages: a sentence that says what to do, never a trace and never what a person typed."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from dicomdex.errors import DicomdexError, QueryRefused, SolrUnavailable
from dicomdex_web.pages import page
from dicomdex_web.session import Forbidden, NotLoggedIn


class Failure(Exception):
    """Ends a request with a page; the text is a sentence for people, without a value of a patient."""

    status = 400
    title = "That did not work"


class NotFound(Failure):
    """There is none such (404)."""

    status = 404
    title = "Not found"


class Conflict(Failure):
    """It is not what it was (409)."""

    status = 409
    title = "Not the same any more"


class Gone(Failure):
    """It was there (410)."""

    status = 410
    title = "Gone"


TITLES = {
    400: "That can't be searched",
    403: "Not allowed",
    404: "Not found",
    405: "Not allowed",
    413: "Too much",
    422: "That is not understood",
    503: "Solr does not answer",
}


def add_to(app: FastAPI) -> None:
    """Let every failure end in a page."""
    app.add_exception_handler(NotLoggedIn, _log_in)
    app.add_exception_handler(Forbidden, lambda request, error: _shown(request, 403, str(error)))
    app.add_exception_handler(Failure, _failure)
    app.add_exception_handler(DicomdexError, _of_dicomdex)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _of_http)


def _log_in(request: Request, _error: Exception) -> Response:
    return login_page(request, wanted=_wanted(request))


def login_page(request: Request, *, wanted: str = "/", said: str = "", status: int = 401) -> Response:
    """The login form; afterwards comes the page that was wanted."""
    return page(request, "login.html", status, wanted=wanted, said=said)


def _wanted(request: Request) -> str:
    if request.method != "GET" or request.headers.get("HX-Request"):
        return "/"
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.url.path}{query}"


def _failure(request: Request, error: Exception) -> Response:
    assert isinstance(error, Failure)  # noqa: S101  (registered for it alone)
    return _shown(request, error.status, str(error), error.title)


def _of_dicomdex(request: Request, error: Exception) -> Response:
    if isinstance(error, QueryRefused):
        return _shown(request, 400, f"{_sentence(str(error))}")
    if isinstance(error, SolrUnavailable):
        return _shown(request, 503, f"{_sentence(str(error))} Nothing is lost; try again in a moment.")
    return _shown(request, 503, _sentence(str(error)), "This can't be shown now")


def _not_understood(request: Request, error: Exception) -> Response:
    """The names of what was not understood; never the values, which FastAPI's own answer repeats."""
    assert isinstance(error, RequestValidationError)  # noqa: S101
    names = sorted({str(one["loc"][1]) for one in error.errors() if len(one["loc"]) > 1 and one["loc"][0] != "body"})
    return _shown(request, 422, f"Not understood: {', '.join(names) or 'the form'}.")


def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    known = {404: "There is no such page.", 405: "This address takes no such request.", 413: "The form is too long."}
    answer = _shown(request, error.status_code, known.get(error.status_code, "The request could not be answered."))
    answer.headers.update(error.headers or {})
    return answer


def _shown(request: Request, status: int, sentence: str, title: str = "") -> Response:
    return page(
        request, "failure.html", status, title=title or TITLES.get(status, "That did not work"), sentence=sentence
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
