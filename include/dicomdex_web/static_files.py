"""Style sheets and scripts: ours, and htmx out of the installed wheel. Open to everybody: the login page needs them."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from dicomdex_web.failures import NotFound
from dicomdex_web.pages import HERE

router = APIRouter()
HTMX = "static/django_htmx/htmx-2.min.js"
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@router.get("/static/{name}", include_in_schema=False)
def static(name: str) -> FileResponse:
    """One file by its name; asked for again with its ETag each time, so that a new version is seen at once."""
    file = files().get(name)
    if file is None:
        raise NotFound("There is no such file.")
    return FileResponse(file, media_type=KINDS[file.suffix], headers={"Cache-Control": "no-cache"})


@cache
def files() -> dict[str, Path]:
    """Name -> file; htmx lies in the wheel of django-htmx, of which nothing else is used."""
    own = {file.name: file for file in (HERE / "static").iterdir() if file.suffix in KINDS}
    found = find_spec("django_htmx")
    if found is not None and found.origin:
        own["htmx.js"] = Path(found.origin).parent / HTMX
    return own
