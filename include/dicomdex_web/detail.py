"""GET /view/{document id}: one study, series, instance or copy, with everything that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from dicomdex.adapters.served_children import NotMade
from dicomdex.serve import Locator, Refusal, locator_of
from dicomdex.serve_pixels import why_hidden
from dicomdex_web.detail_rows import Difference, Row, differences, rows_of
from dicomdex_web.failures import NotFound
from dicomdex_web.files import UNKNOWN
from dicomdex_web.files_state import Take, take_of
from dicomdex_web.pages import page
from dicomdex_web.session import Viewer, address
from dicomdex_web.thumbnails import REVEALED, instance_of

router = APIRouter()
EVERYTHING = ("*",)
SERIES_SHOWN, INSTANCES_SHOWN, SIDE_BY_SIDE = 200, 120, 6
SERIES_FIELDS = ("id", "series", "SeriesNumber", "Modality", "SeriesDescription", "NumberOfSeriesRelatedInstances")
INSTANCE_FIELDS = ("id", "InstanceNumber", "file_id", "SOPInstanceUID")


@dataclass(frozen=True)
class Read:
    """A file's header, read just now: its rows, or why there are none."""

    header: dict[str, Any]
    warnings: tuple[str, ...]
    parser: str
    why_not: str

    @property
    def rows(self) -> list[Row]:
        """Every element."""
        return list(rows_of(self.header))


@dataclass(frozen=True)
class Side:
    """The files of one SOP Instance UID beside each other, the primary first."""

    documents: list[dict[str, Any]]
    differences: list[Difference]
    unread: list[str]


@router.get("/view/{document_id}")
def detail(request: Request, document_id: str, person: Viewer, reveal: str = "") -> Response:
    """The page; 404 for an id that nothing has."""
    take = take_of(request)
    document = take.documents.of_id(document_id, EVERYTHING)
    file = None if document is None else instance_of(take, document_id)
    if document is None:
        raise NotFound("There is nothing of this id.")
    own = document["level"] in ("instance", "copy")
    read = read_header(take, file)
    hidden = why_hidden(file) if file else ""
    ids = [document_id, *([str(document["file_id"])] if own else [])]
    request.app.state.trail.add(person, "view", (read.why_not and "no header") or "ok", ids, address(request))
    return page(
        request,
        "detail.html",
        document=document,
        own=own,
        read=read,
        hidden=hidden,
        revealed=reveal == REVEALED,
        side=_side(take, document, read) if own else Side([], [], []),
        **_around(take, document),
    )


def read_header(take: Take, document: dict[str, Any] | None) -> Read:
    """The header of a file, by a child from the file's first bytes; never from an index or a catalog."""
    locator = locator_of(document) if document else None
    if not isinstance(locator, Locator):
        return Read({}, (), "", locator.sentence if isinstance(locator, Refusal) else UNKNOWN)
    found = take.children.ask("header", locator)
    if isinstance(found, NotMade):
        return Read({}, (), "", found.sentence)
    told = orjson.loads(found)
    if told["outcome"] != "record" or not told["header"]:
        return Read({}, (), "", told["detail"] or "The file is no DICOM file any more.")
    header = orjson.loads(told["header"])
    if header.get("00080018", {}).get("Value", [""])[0] != locator.sop:
        return Read({}, (), "", "The file holds another instance than the one that was catalogued.")
    return Read(header, tuple(told["warnings"]), told["parser"], "")


def _side(take: Take, document: dict[str, Any], read: Read) -> Side:
    """Duplicates and conflicts of an instance: what differs between their headers, of those that can be read."""
    sop = str(document.get("SOPInstanceUID", ""))
    found = take.documents.with_uid(sop)[:SIDE_BY_SIDE] if sop else []
    if len(found) < 2:
        return Side([], [], [])
    reads = {one["id"]: read if one["id"] == document["id"] else read_header(take, one) for one in found}
    shown = [one for one in found if not reads[one["id"]].why_not]
    unread = [reads[one["id"]].why_not for one in found if one not in shown]
    return Side(shown, differences([reads[one["id"]].header for one in shown]), unread)


def _around(take: Take, document: dict[str, Any]) -> dict[str, Any]:
    """The study's series and, of the series that is shown, its instances."""
    documents = take.documents
    in_study, all_series = documents.inside(document, "series", SERIES_FIELDS, SERIES_SHOWN, "SeriesNumber asc, id asc")
    in_series, instances = 0, list[dict[str, Any]]()
    if document.get("series"):
        in_series, instances = documents.inside(
            document, "instance", INSTANCE_FIELDS, INSTANCES_SHOWN, "InstanceNumber asc, id asc"
        )
    return {"all_series": all_series, "in_study": in_study, "instances": instances, "in_series": in_series}
