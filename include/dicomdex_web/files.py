"""GET /files/{file_id}: the file itself, as it lies in the landing area. The white paper's DicomUrl."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from dicomdex.adapters.served import PIECE, Broken, Opened, open_document, piece_of, pieces
from dicomdex.adapters.storage import Storage
from dicomdex.serve import CHANGED, Part, Refusal, part_of
from dicomdex_web.failures import Conflict, Failure, Gone, NotFound
from dicomdex_web.files_state import take_of
from dicomdex_web.session import Viewer, address

router = APIRouter()
UNKNOWN = "There is no file of this id."
DICOM = "application/dicom"  # PS3.18 section 8.7.3.5
READS = 8  # threads that wait for disks; a slow one must not keep pages from being answered
_DISKS = CapacityLimiter(READS)


@router.api_route("/files/{file_id}", methods=["GET", "HEAD"])
def file(request: Request, file_id: str, person: Viewer) -> Response:
    """All of it, or one range; 404 for an id nobody has, 409 or 410 with a sentence where it is no longer the same."""
    found = take_of(request)
    document = found.documents.of_file(file_id)
    opened = open_or_say(found.landing, document, file_id) if document else None
    trail, where = request.app.state.trail, address(request)
    if opened is None:
        trail.add(person, "download", "unknown", [], where)
        raise NotFound(UNKNOWN)
    if isinstance(opened, Refusal):
        trail.add(person, "download", opened.reason, [file_id], where)
        raise failure(opened)
    part = part_of(
        opened.size, request.headers.get("range", ""), request.headers.get("if-range", ""), opened.locator.etag
    )
    if _knows_it(request, opened.locator.etag):
        part = Part(304, 0, 0)
    trail.add(person, "download", _said(part, opened.size), [file_id], where)
    headers = _headers(opened, part)
    if request.method == "HEAD" or part.status in (304, 416):
        opened.close()
        return Response(status_code=part.status, headers=headers, media_type=DICOM)
    if part.stop - part.start <= PIECE:
        return Response(at_once(opened, part), part.status, headers, DICOM)
    return FileAnswer(opened, part, headers)


class FileAnswer(StreamingResponse):
    """A part of a file as it is sent; the file is closed however that ends."""

    def __init__(self, opened: Opened, part: Part, headers: Mapping[str, str]) -> None:
        super().__init__(sent(opened, part), part.status, headers, DICOM)
        self._opened = opened

    async def stream_response(self, send: Send) -> None:
        """As its base does, and buffers as they were read into: made bytes of, 1.58 GB were copied once more."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for piece in self.body_iterator:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._opened.close()


async def sent(opened: Opened, part: Part) -> AsyncIterator[bytes | bytearray]:
    """The bytes of a part: what is in memory at once, what is on a disk by a thread. The last piece is sent only when
    the file is still the same, else the connection ends before its Content-Length is reached.
    """
    at, crc32 = part.start, 0
    checked = opened.crc32 is not None and part.stop - part.start == opened.size
    while at < part.stop:
        piece: bytes | bytearray | None = opened.read_now(at, min(PIECE, part.stop - at))
        if piece is None:
            piece = await to_thread.run_sync(piece_of, opened, at, part.stop, limiter=_DISKS)
        at += len(piece)
        crc32 = zlib.crc32(piece, crc32) if checked else 0
        if at == part.stop:
            damaged = checked and crc32 != opened.crc32
            if damaged or not await to_thread.run_sync(opened.still_same, limiter=_DISKS):
                raise Broken("the file changed while it was sent")
        yield piece


def at_once(opened: Opened, part: Part) -> bytes:
    """A part of one piece at most; Conflict where the file changed or is damaged, before a byte of it was sent."""
    with opened:
        try:
            if part.stop - part.start == opened.size:
                return b"".join(pieces(opened))
            content = b""
            while len(content) < part.stop - part.start:
                content += piece_of(opened, part.start + len(content), part.stop)
        except Broken:
            raise failure(CHANGED) from None
        if not opened.still_same():
            raise failure(CHANGED)
        return content


def open_or_say(landing: Storage, document: dict[str, Any], wanted: str = "") -> Opened | Refusal | None:
    """The file of a document; Unanswered where the landing area has an error, which says nothing about the file."""
    try:
        return open_document(landing, document, wanted)
    except OSError:
        raise Unanswered("The landing area does not answer. Nothing is lost; try again in a moment.") from None


class Unanswered(Failure):
    """The storage has an error (503)."""

    status = 503
    title = "The landing area does not answer"


def failure(refusal: Refusal) -> Exception:
    """A refusal as the page says it."""
    return Gone(refusal.sentence) if refusal.status == 410 else Conflict(refusal.sentence)


def attachment(name: str) -> dict[str, str]:
    """The header that lets a browser keep it under this name (RFC 6266); names are UIDs and our own words."""
    return {"Content-Disposition": f'attachment; filename="{name}"'}


def _headers(opened: Opened, part: Part) -> Mapping[str, str]:
    locator = opened.locator
    headers: dict[str, Any] = {"ETag": locator.etag, "Accept-Ranges": "bytes", **attachment(locator.name)}
    if part.status == 206:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{opened.size}"
    if part.status == 416:
        headers["Content-Range"] = f"bytes */{opened.size}"
    if part.status != 304:
        headers["Content-Length"] = str(part.stop - part.start)
    return headers


def _knows_it(request: Request, etag: str) -> bool:
    known = request.headers.get("if-none-match", "")
    return known.strip() == "*" or etag in (one.strip().removeprefix("W/") for one in known.split(","))


def _said(part: Part, size: int) -> str:
    """What the trail says: `ok`, or which bytes."""
    return {200: "ok", 304: "not modified", 416: "no such range"}.get(
        part.status, f"{part.start}-{part.stop - 1}/{size}"
    )
