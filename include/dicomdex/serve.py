"""From a document to the bytes it stands for: where they lie, whether they are still the same, which of them are sent.

A client names a file by its `file_id` alone. The document of that id says where the file lies; the id is computed again
from what it says, so a document that was tampered with leads nowhere. What lies there now is compared with what was
catalogued, by size and mtime: a file that is gone or was changed since is a Refusal, and never served as if it were
the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from dicomdex.drop import directory_of, valid_key
from dicomdex.entry import unescape
from dicomdex.errors import DropError
from dicomdex.extract.row import file_id as file_id_of

FILE_ID = re.compile(r"[0-9a-f]{32}")
UID = re.compile(r"[0-9.]{1,64}")  # PS3.5 section 9.1
# What is asked of Solr: where the bytes are, what the file is called, what it takes to show its pixels or not to.
LOCATOR_FIELDS = (
    "id", "level", "file_id", "study", "series", "drop", "path", "member", "size", "mtime", "SOPInstanceUID",
    "SOPClassUID", "TransferSyntaxUID", "Modality", "BurnedInAnnotation", "Rows", "Columns", "NumberOfFrames",
    "InstanceNumber", "ImageType", "pixel_offset", "state", "primary",
)  # fmt: skip

Reason = Literal["gone", "changed", "not_regular", "broken", "unnamed"]


@dataclass(frozen=True, slots=True)
class Locator:
    """Where a file lies and what it was when it was read. `size` in bytes (of a member, its own), `mtime` in ns.

    `path` is relative to the landing area and escaped, `member` the name inside an archive.
    """

    file_id: str
    drop: str
    path: str
    member: str | None
    size: int
    mtime: int
    sop: str
    series: str
    study: str

    @property
    def name(self) -> str:
        """What a download is called: the SOP Instance UID, which names no patient."""
        return f"{self.sop if UID.fullmatch(self.sop) else self.file_id}.dcm"

    @property
    def etag(self) -> str:
        """A strong validator (RFC 9110 section 8.8.3): id, size and mtime of what was catalogued."""
        text = f"{self.file_id}/{self.size}/{self.mtime}"
        return f'"{hashlib.blake2b(text.encode(), digest_size=16).hexdigest()}"'


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file is not served: an HTTP status and one sentence, without path or value."""

    reason: Reason
    status: int
    sentence: str


GONE = Refusal(
    "gone", 410, "The file is no longer in the landing area. Ingest its drop again to bring the page up to date."
)
CHANGED = Refusal(
    "changed", 409, "The file was changed after it was read. Ingest its drop again, then it can be taken as it is now."
)
NOT_REGULAR = Refusal("not_regular", 410, "Where the file was, there is something else now: a link or a directory.")
BROKEN = Refusal("broken", 409, "The archive that holds the file can't be read any more.")
UNNAMED = Refusal("unnamed", 410, "The file's path is too long to be kept in the index: take it from the landing area.")


def is_file_id(text: str) -> bool:
    """Whether a client's text can be a file_id at all."""
    return FILE_ID.fullmatch(text) is not None


def locator_of(document: Mapping[str, Any], wanted: str = "") -> Locator | Refusal | None:
    """Where the file of an instance or copy document lies; None for a document that does not stand for `wanted`.

    Its path has to lie in its drop, and its file_id has to be that of drop, path and member.
    """
    file_id, drops = str(document.get("file_id", "")), document.get("drop") or [""]
    if (wanted and file_id != wanted) or document.get("level") not in ("instance", "copy"):
        return None
    if "path" not in document:
        return UNNAMED
    drop, path, member = str(drops[0]), str(document["path"]), document.get("member")
    if not _lies_in(path, drop) or file_id_of(drop, path, member) != file_id:
        return None
    numbers = int(document.get("size", -1)), int(document.get("mtime", -1))
    named = (str(document.get(name, "")) for name in ("SOPInstanceUID", "series", "study"))
    return Locator(file_id, drop, path, member, *numbers, *named)


def compare(locator: Locator, found: tuple[int, int] | None) -> Refusal | None:
    """What (size, mtime) of the file now say of it; None: it is what was catalogued. Of an archive, mtime alone."""
    if found is None:
        return GONE
    size, mtime = found
    same = mtime == locator.mtime and (locator.member is not None or size == locator.size)
    return None if same else CHANGED


class Part(NamedTuple):
    """Bytes [start, stop) of a file that are sent, and the status that says so: 200, 206 or 416 (nothing)."""

    status: int
    start: int
    stop: int


def part_of(size: int, wanted: str, if_range: str, etag: str) -> Part:
    """The one range that a request's headers `Range` and `If-Range` ask for (RFC 9110 sections 14.2 and 13.1.5).

    Several ranges, another unit or another version of the file: all of it.
    """
    ranged = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", wanted.replace(" ", ""))
    if ranged is None or ranged[0] == "bytes=-" or (if_range and if_range.strip() != etag):
        return Part(200, 0, size)
    first, last = ranged[1], ranged[2]
    if not first:
        return Part(206, max(0, size - int(last)), size) if int(last) and size else Part(416, 0, 0)
    start, stop = int(first), min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return Part(200, 0, size)  # no valid range: as if it were not there
    return Part(206, start, stop) if start < size else Part(416, 0, 0)


def _lies_in(path: str, drop: str) -> bool:
    try:
        directory = directory_of(valid_key(drop))
    except DropError:
        return False
    parts = unescape(path).split(b"/")
    return path.startswith(f"{directory}/") and not any(part in (b"", b".", b"..") for part in parts)
