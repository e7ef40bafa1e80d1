"""Sending files into an object store: the store compares SHA-256 over what it receives, and says it.

Up to 16 MB one request, beyond that parts of a size that follows from the file's alone, so that the checksum of what
lies there can be told from the file. A store that says no SHA-256 is read back.
"""

from __future__ import annotations

import errno
import hashlib
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from dicomdex.adapters.putting import PIECE, Sent, digest_of, pieces
from dicomdex.adapters.storage_s3 import S3Storage
from dicomdex.entry import ByteSource, Entry

PART = 16 << 20
MOST_PARTS = 10_000
_NEW = {"IfNoneMatch": "*"}


class S3Target:
    """An object store. Objects appear whole, so there are no temporary names; uploads that died are given up."""

    def __init__(self, landing: S3Storage) -> None:
        self._landing = landing
        self._read_back = False

    @property
    def verified_by(self) -> str:
        """The store's own checksum, as far as it says one."""
        return f"SHA-256 by the object store{', read back where it said none' if self._read_back else ''}"

    def holds(self, path: str, source: ByteSource) -> bool:
        """Compare the store's checksum; where it has none, read both."""
        found = self._landing.call("head_object", Key=self._landing.key(path), ChecksumMode="ENABLED")
        said = found.get("ChecksumSHA256")
        if said is not None and ("-" in said) == (source.size > PART):
            return bool(said == _expected(source))
        return self._reads_back(path, source)

    def send(self, path: str, source: ByteSource, sent: Sent) -> None:
        """Upload; what the store says of it must be what was read."""
        digest = hashlib.sha256()
        said, computed = upload(
            self._landing, self._landing.key(path), pieces(source, digest.update, sent), source.size
        )
        if said is None and not self._reads_back(path, source):
            raise OSError(errno.EIO, "what was written reads back as something else")
        if said is not None and said != computed:
            raise OSError(errno.EIO, "the store has received something else")

    def clear(self, listed: list[Entry], directory: str) -> list[Entry]:
        """Give up uploads in parts that were never completed."""
        with suppress(OSError):  # a store, or a policy, may not let us look: then its lifecycle rule does it
            found = self._landing.call("list_multipart_uploads", Prefix=f"{self._landing.key(directory)}/")
            for one in found.get("Uploads") or []:
                self._landing.call("abort_multipart_upload", Key=one["Key"], UploadId=one["UploadId"])
        return listed

    def settle(self, directories: set[str]) -> None:
        """What was answered is kept."""

    def _reads_back(self, path: str, source: ByteSource) -> bool:
        self._read_back = True
        with self._landing.open(path) as there:
            return there.size == source.size and digest_of(there) == digest_of(source)


def upload(storage: S3Storage, key: str, content: Iterable[bytes], size: int | None = None) -> tuple[str | None, str]:
    """Create an object; the checksum that the store says (None: none), and the one that it must be.

    FileExistsError where there is one of this key. `size`: in bytes, where it is known.
    """
    parts = _parts(content, part_size(size or 0))
    first, second = next(parts, b""), next(parts, None)
    if second is None:
        computed = _base64(hashlib.sha256(first).digest())
        checksum = {"ChecksumAlgorithm": "SHA256", "ChecksumSHA256": computed}
        answer = storage.call("put_object", Key=key, Body=first, **checksum, **_NEW)
        return answer.get("ChecksumSHA256"), computed
    begun = storage.call("create_multipart_upload", Key=key, ChecksumAlgorithm="SHA256")
    of_upload = {"Key": key, "UploadId": begun["UploadId"]}
    try:
        return _in_parts(storage, of_upload, _chained(first, second, parts))
    except BaseException:
        with suppress(OSError):
            storage.call("abort_multipart_upload", **of_upload)
        raise


def part_size(size: int) -> int:
    """Bytes of a part: 16 MB, more where 10,000 of them would not do."""
    return max(PART, -(-size // MOST_PARTS // PIECE) * PIECE)


def _in_parts(storage: S3Storage, of_upload: dict[str, str], parts: Iterable[bytes]) -> tuple[str | None, str]:
    done: list[dict[str, Any]] = []
    digests = []
    for number, part in enumerate(parts, 1):
        digests.append(hashlib.sha256(part).digest())
        checksum = {"ChecksumSHA256": _base64(digests[-1])}
        answer = storage.call("upload_part", PartNumber=number, Body=part, **checksum, **of_upload)
        done.append({"PartNumber": number, "ETag": answer["ETag"], **checksum})
    answer = storage.call("complete_multipart_upload", MultipartUpload={"Parts": done}, **of_upload, **_NEW)
    return answer.get("ChecksumSHA256"), _composite(digests)


def _expected(source: ByteSource) -> str:
    """The checksum that the store must have of a file that was uploaded by `upload`."""
    if source.size <= PART:
        return _base64(digest_of(source))
    size = part_size(source.size)
    digests = []
    for begin in range(0, source.size, size):
        digest = hashlib.sha256()
        for offset in range(begin, min(begin + size, source.size), PIECE):
            digest.update(source.read_at(offset, min(PIECE, begin + size - offset)))
        digests.append(digest.digest())
    return _composite(digests)


def _composite(digests: list[bytes]) -> str:
    """The checksum of checksums, as S3 says it of an object in parts."""
    return f"{_base64(hashlib.sha256(b''.join(digests)).digest())}-{len(digests)}"


def _parts(content: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Pieces joined to parts of one size; the last is smaller. `size` is a multiple of a piece's."""
    waiting = bytearray()
    for piece in content:
        waiting += piece
        if len(waiting) >= size:
            yield bytes(waiting[:size])
            del waiting[:size]
    if waiting:
        yield bytes(waiting)


def _chained(first: bytes, second: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield second
    yield from rest


def _base64(digest: bytes) -> str:
    return b64encode(digest).decode()
