"""GET /archives/{document id}: a series or study as a zip that is streamed as it is read.

Names are made of UIDs alone. What can't be taken any more is listed in MISSING.txt inside, and counted; the manifest
has the SHA-256 of every file. A file that turns out broken while it is sent ends the transfer: never a zip that is
short and looks whole.
"""

from __future__ import annotations

import csv
import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from stream_zip import ZIP_64, stream_zip

from dicomdex.adapters.served import Opened, open_file, open_members, pieces
from dicomdex.adapters.storage import Storage
from dicomdex.serve import UID, Locator, Refusal, locator_of
from dicomdex_web.failures import NotFound
from dicomdex_web.files import UNKNOWN, attachment
from dicomdex_web.files_state import take_of
from dicomdex_web.session import Person, Viewer, address

router = APIRouter()
CHUNK = 256 << 10
MODE = 0o100640
COLUMNS = ("name", "file_id", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "size", "sha256")
NOT_THERE = "The index has no such file."
Entry = tuple[str, datetime, int, Any, Iterable[bytes]]


@router.get("/archives/{document_id}")
def archive(request: Request, document_id: str, person: Viewer, folders: str = "yes") -> Response:
    """The zip; `folders=no` puts all files side by side. 404 for an id that nothing has."""
    documents = take_of(request).documents
    document = documents.of_id(document_id)
    if document is None:
        raise NotFound(UNKNOWN)
    uid = str(document.get("series" if document["level"] == "series" else "study", ""))
    name = uid if UID.fullmatch(uid) else "dicom"
    return zip_answer(request, person, documents.below(document), name, [document_id], folders=folders != "no")


def zip_answer(
    request: Request, person: Person, documents: Iterable[dict[str, Any]], name: str, ids: list[str], *, folders: bool
) -> Response:
    """The zip of the files of instance documents, streamed; the trail has its beginning and its end."""
    trail, where = request.app.state.trail, address(request)
    zipped = Zipped(take_of(request).landing, documents, folders=folders)
    trail.add(person, "download", "zip begun", ids, where)

    def sent() -> Iterator[bytes]:
        yield from zipped.chunks()
        taken, missing = len(zipped.rows), len(zipped.missing)
        trail.add(person, "download", f"zip whole: {taken} files, {missing} missing", ids, where)

    return StreamingResponse(sent(), media_type="application/zip", headers=attachment(f"{name}.zip"))


class Zipped:
    """What goes into one zip: files as they come, then the manifest and, where there is need, MISSING.txt."""

    def __init__(self, landing: Storage, documents: Iterable[dict[str, Any]], *, folders: bool) -> None:
        self._landing = landing
        self._documents = documents
        self._folders = folders
        self._names: set[str] = set()
        self.rows: list[tuple[Any, ...]] = []
        self.missing: list[tuple[str, str]] = []

    def chunks(self) -> Iterator[bytes]:
        """The zip's bytes. Not deflated: compressed pixels gain nothing, others would cost a core for a third less."""
        stored = lambda: zlib.compressobj(level=0, wbits=-zlib.MAX_WBITS)  # noqa: E731
        return iter(stream_zip(self._entries(), chunk_size=CHUNK, get_compressobj=stored))

    def _entries(self) -> Iterator[Entry]:
        for locator, opened in self._opened():
            if isinstance(opened, Refusal):
                self.missing.append((locator.sop or locator.file_id, opened.sentence))
                continue
            name = self._name(locator)
            with opened:
                yield _entry(name, locator.mtime, self._digested(name, opened))
        if self.missing:
            yield _entry("MISSING.txt", None, [self._missing_text()])
        yield _entry("manifest.csv", None, [self._manifest()])

    def _opened(self) -> Iterator[tuple[Locator, Opened | Refusal]]:
        """Each file in turn; then members, archive by archive, so that each of these is opened once."""
        members: dict[str, list[Locator]] = {}
        for document in self._documents:
            locator = locator_of(document)
            if not isinstance(locator, Locator):
                sentence = locator.sentence if locator else NOT_THERE
                self.missing.append((str(document.get("SOPInstanceUID") or document.get("file_id", "")), sentence))
            elif locator.member is None:
                yield locator, open_file(self._landing, locator)
            else:
                members.setdefault(locator.path, []).append(locator)
        for locators in members.values():
            yield from open_members(self._landing, locators)

    def _name(self, locator: Locator) -> str:
        """From UIDs alone; a UID that comes again (copies) has its file_id beside it."""
        folder = f"{locator.series}/" if self._folders and UID.fullmatch(locator.series) else ""
        if self._folders and folder and UID.fullmatch(locator.study):
            folder = f"{locator.study}/{folder}"
        name = f"{folder}{locator.name}"
        if name in self._names:
            name = f"{name.removesuffix('.dcm')}.{locator.file_id}.dcm"
        self._names.add(name)
        return name

    def _digested(self, name: str, opened: Opened) -> Iterator[bytes]:
        digest, locator = hashlib.sha256(), opened.locator
        for piece in pieces(opened):
            digest.update(piece)
            yield piece
        ids = (locator.file_id, locator.sop, locator.series, locator.study)
        self.rows.append((name, *ids, locator.size, digest.hexdigest()))

    def _manifest(self) -> bytes:
        written = io.StringIO()
        lines = csv.writer(written)
        lines.writerow(COLUMNS)
        lines.writerows(self.rows)
        return written.getvalue().encode()

    def _missing_text(self) -> bytes:
        wanted = len(self.rows) + len(self.missing)
        head = f"{len(self.missing):,} of {wanted:,} files are missing here:\n\n"
        return (head + "".join(f"{name}  {sentence}\n" for name, sentence in self.missing)).encode()


def _entry(name: str, mtime: int | None, content: Iterable[bytes]) -> Entry:
    at = datetime.now(UTC) if mtime is None else datetime.fromtimestamp(mtime / 1e9, UTC)
    return name, at, MODE, ZIP_64, content
