"""The cart: studies, series and instances put together from several searches, and taken in one go."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from dicomdex.adapters.served import open_file, pieces
from dicomdex.export import FORMATS
from dicomdex.search import VALUES_MAX, Filter, Query
from dicomdex.serve import Locator, Refusal, locator_of
from dicomdex_web.archive_download import NOT_THERE, zip_answer
from dicomdex_web.cart_store import ITEMS_MAX, Carts
from dicomdex_web.export import UNKNOWN_KIND, answer, begun, fields_of, matches
from dicomdex_web.failures import NotFound
from dicomdex_web.files import attachment
from dicomdex_web.files_state import take_of
from dicomdex_web.pages import page
from dicomdex_web.search_state import of_text, to_query
from dicomdex_web.session import Viewer, address

router = APIRouter()
SHOWN = 500
TITLE_FIELDS = (
    "id", "level", "Modality", "ModalitiesInStudy", "StudyDate", "StudyDescription", "SeriesDescription",
    "InstanceNumber", "NumberOfStudyRelatedInstances", "NumberOfSeriesRelatedInstances", "state",
)  # fmt: skip
MANIFEST = ("url", "file_id", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "size", "sha256", "missing")
Ids = Annotated[list[str], Form(default_factory=list)]
Row = tuple[str | int, ...]


def carts_of(request: Request) -> Carts:
    """The application's carts, made when they are first needed."""
    state = request.app.state
    if not hasattr(state, "carts"):
        state.carts = Carts(state.web.own_files / "carts")
    found: Carts = state.carts
    return found


@router.get("/cart")
def cart(request: Request, person: Viewer, left: int = 0) -> Response:
    """The page: what is in it, and the ways to take it."""
    ids = carts_of(request).items(person.name)
    shown = take_of(request).documents.of_ids(ids[:SHOWN], TITLE_FIELDS)
    gone = min(len(ids), SHOWN) - len(shown)
    return page(request, "cart.html", items=shown, count=len(ids), gone=gone, left=left, most=ITEMS_MAX)


@router.post("/cart/add")
def add(request: Request, person: Viewer, id: Ids, all: str | None = Form(None), back: str = Form("/cart")) -> Response:
    """Put documents in, or every match of a search (`all` = its query string), at the search's own level."""
    if all is None:
        left = carts_of(request).add(person.name, id)[1]
    else:
        search = request.app.state.search.now()
        query = to_query(of_text(all, person, request.app.state.queries), search.fields)
        found = begun(search, replace(query, columns=("id",)))[1]
        left = carts_of(request).add(person.name, (one["id"] for one in found))[1]
    if request.headers.get("HX-Request"):
        return Response(status_code=204, headers={"HX-Trigger": "cart-changed"})
    return RedirectResponse(f"/cart?left={left}" if left else _own(back), 303)


@router.post("/cart/remove")
def remove(request: Request, person: Viewer, id: Ids) -> Response:
    """Take documents out."""
    carts_of(request).remove(person.name, id)
    return RedirectResponse("/cart", 303)


@router.post("/cart/clear")
def clear(request: Request, person: Viewer) -> Response:
    """Empty it."""
    carts_of(request).clear(person.name)
    return RedirectResponse("/cart", 303)


@router.get("/cart/zip")
def zipped(request: Request, person: Viewer, folders: str = "yes") -> Response:
    """All files of the cart, each once, as one zip."""
    ids = carts_of(request).items(person.name)
    documents = _documents(request, ids)
    return zip_answer(request, person, documents, "cart", ids, folders=folders != "no")


@router.get("/cart/export/{kind}")
def export(request: Request, kind: str, person: Viewer) -> Response:
    """The attributes of all instances of the cart, by queries like those of a search."""
    if kind not in FORMATS:
        raise NotFound(UNKNOWN_KIND)
    ids = carts_of(request).items(person.name)
    search = request.app.state.search.now()
    fields = fields_of(search, "instance")
    columns = tuple(field.name for field in fields)
    request.app.state.trail.add(person, "export", f"cart {kind}", ids, address(request))
    found = matches(search, (replace(one, columns=columns) for one in queries_of(ids)))
    return answer(kind, found, fields, "instance", "cart")


@router.get("/cart/manifest.{kind}")
def manifest(request: Request, kind: str, person: Viewer) -> Response:
    """Every file of the cart with its address and SHA-256, read as it is sent; csv or json (an object a line)."""
    if kind not in ("csv", "json"):
        raise NotFound("The manifest is there as csv and json.")
    ids = carts_of(request).items(person.name)
    request.app.state.trail.add(person, "export", f"manifest {kind}", ids, address(request))
    rows = _digested(request, _documents(request, ids))
    lines = _csv(rows) if kind == "csv" else _json(rows)
    media = "text/csv; charset=utf-8" if kind == "csv" else "application/x-ndjson"
    return StreamingResponse(lines, media_type=media, headers=attachment(f"manifest.{kind}"))


def queries_of(ids: list[str]) -> Iterator[Query]:
    """What matches the instances of a cart: whole studies together, series one by one, instances and copies by id."""
    studies = [one.removesuffix("!study") for one in ids if one.endswith("!study")]
    for start in range(0, len(studies), VALUES_MAX):
        yield Query(filters=(Filter("study", values=tuple(studies[start : start + VALUES_MAX])),))
    for study, _, series in (one.partition("!s.") for one in ids if "!s." in one):
        yield Query(filters=(Filter("study", values=(study,)), Filter("series", values=(series,))))
    single = [one for one in ids if "!i." in one or "!c." in one]
    for start in range(0, len(single), VALUES_MAX):
        yield Query(copies=True, filters=(Filter("id", values=tuple(single[start : start + VALUES_MAX])),))


def _documents(request: Request, ids: list[str]) -> Iterator[dict[str, Any]]:
    """The instances and copies of the cart, each once."""
    documents, seen = take_of(request).documents, set()
    for item in documents.of_ids(ids):
        for one in documents.below(item):
            if one["file_id"] not in seen:
                seen.add(one["file_id"])
                yield one


def _digested(request: Request, documents: Iterator[dict[str, Any]]) -> Iterator[Row]:
    landing = take_of(request).landing
    for document in documents:
        locator = locator_of(document)
        opened = open_file(landing, locator) if isinstance(locator, Locator) else locator
        sop, series, study = (str(document.get(name, "")) for name in ("SOPInstanceUID", "series", "study"))
        file_id, size = str(document["file_id"]), int(document.get("size", 0))
        head = (f"/files/{file_id}", file_id, sop, series, study, size)
        if opened is None or isinstance(opened, Refusal):
            yield (*head, "", opened.sentence if opened else NOT_THERE)
            continue
        digest = hashlib.sha256()
        with opened:
            for piece in pieces(opened):
                digest.update(piece)
        yield (*head, digest.hexdigest(), "")


def _csv(rows: Iterator[Row]) -> Iterator[bytes]:
    for row in chain([MANIFEST], rows):
        written = io.StringIO()
        csv.writer(written).writerow(row)
        yield written.getvalue().encode()


def _json(rows: Iterator[Row]) -> Iterator[bytes]:
    for row in rows:
        yield orjson.dumps(dict(zip(MANIFEST, row, strict=True))) + b"\n"


def _own(back: str) -> str:
    """A path of this page, whatever a form says."""
    return back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/cart"
