"""Templates to answers. Every value is escaped; what a template does not get is an error, never an empty place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dicomdex_web.words import every_name

HERE = Path(__file__).parent

_TEMPLATES = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_TEMPLATES.filters["number"] = lambda value: f"{value:,}"
_TEMPLATES.filters["every_name"] = every_name


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A template rendered with the person (None = nobody), `csrf`, `airflow_url` and the given values."""
    person = getattr(request.state, "person", None)
    text = _TEMPLATES.get_template(template).render(
        person=person,
        csrf=person.csrf if person else "",
        path=request.url.path,
        airflow_url=request.app.state.web.airflow_url,
        **values,
    )
    return HTMLResponse(text, status_code=status)


def fragment(template: str, **values: Any) -> HTMLResponse:
    """A template that is a part of a page."""
    return HTMLResponse(_TEMPLATES.get_template(template).render(**values))
