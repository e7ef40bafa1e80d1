"""A landing area in an object store (`s3://bucket/prefix`), through s3fs: listing, reading by ranges, new objects.

Credentials come from the chain that AWS's programs share (environment, profile, role); the endpoint of another store
than AWS's from DICOMDEX_S3_ENDPOINT. What an overloaded store refuses (429, 500, 503 SlowDown) is asked for again after
1, 2, 4, 8 and 16 seconds at the most, with jitter; then it is an OSError that names the store's code, never the key.
"""

from __future__ import annotations

import asyncio
import errno
import io
import logging
import os
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from aiohttp import ClientError as HttpError
from botocore.exceptions import BotoCoreError
from fsspec.asyn import sync
from s3fs import S3FileSystem

from dicomdex.adapters.s3_errors import NoSuchRange, s3_errors
from dicomdex.adapters.storage_fsspec import nanoseconds
from dicomdex.entry import Child, Entry, NotRegular, escape, unescape

ENDPOINT, ATTEMPTS = "DICOMDEX_S3_ENDPOINT", "AWS_MAX_ATTEMPTS"
FIRST_READ = 32 << 10  # a request costs the same for 1 KB; nearly every header ends before
_BODY_TRIES = 3
_CONFIG: dict[str, Any] = {
    "max_pool_connections": 64,
    "connect_timeout": 5,
    "read_timeout": 60,
    # Stores that are not AWS's know no CRC-32 trailers; `put` asks for SHA-256 by name.
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
}
_SECOND = 10**9


class S3Storage:
    """The objects under a URL."""

    whole_objects = True  # replaced as a whole, and read by version: what was opened can't change while it is read

    def __init__(self, url: str) -> None:
        for name in ("botocore", "aiobotocore", "s3fs", "fsspec"):
            logging.getLogger(name).setLevel(logging.WARNING)  # below it they write keys into the log
        self.url = url.rstrip("/")
        self.bucket, _, prefix = self.url.removeprefix("s3://").partition("/")
        self._root = f"{prefix}/" if prefix else ""
        endpoint = os.environ.get(ENDPOINT) or None
        config = {**_CONFIG, "retries": {"mode": "standard", "total_max_attempts": int(os.environ.get(ATTEMPTS) or 6)}}
        if endpoint:
            config["s3"] = {"addressing_style": "path"}
        self._fs = _Ranges(endpoint_url=endpoint, config_kwargs=config, skip_instance_cache=True)
        self._fs.retries = 1  # botocore does it, with jitter

    def walk(self, prefix: str) -> Iterator[Entry]:
        """Everything below a prefix, a page of 1,000 at a time."""
        begin, empty = self._below(prefix), True
        for page in self._pages(Prefix=begin):
            for found in page.get("Contents", []):
                empty = False
                if found["Key"] != begin and not _is_directory(found):
                    yield self._entry(found["Key"], found["Size"], found)
        if empty and begin:
            raise FileNotFoundError(errno.ENOENT, "no such file or directory")

    def children(self, prefix: str) -> list[Child]:
        """The names directly under a prefix, sorted; the root of the storage is there as long as its bucket is."""
        begin = self._below(prefix)
        pages = list(self._pages(Prefix=begin, Delimiter="/"))
        below = [one["Prefix"][len(begin) : -1] for page in pages for one in page.get("CommonPrefixes", [])]
        files = [one for page in pages for one in page.get("Contents", [])]
        if not below and not files and prefix.strip("/"):
            raise FileNotFoundError(errno.ENOENT, "no such file or directory")
        found = [Child(escape(name.encode()), True, 0, 0) for name in below]
        for one in files:
            if one["Key"] != begin:
                found.append(Child(escape(one["Key"][len(begin) :].encode()), False, one["Size"], _mtime(one)))
        return sorted(found, key=lambda child: child.name)

    def stat(self, path: str) -> Entry | None:
        """The entry of an object; None when there is none."""
        try:
            found = self.call("head_object", Key=self.key(path))
        except FileNotFoundError:
            return None
        return self._entry(self.key(path), found["ContentLength"], found)

    def exists(self, path: str) -> bool:
        """Whether there is an object, or anything below such a prefix; the root is there when its bucket is."""
        if path.strip("/") and self.stat(path) is not None:
            return True
        try:
            found = self.call("list_objects_v2", Prefix=self._below(path), MaxKeys=1)
        except FileNotFoundError:
            return False
        return not path.strip("/") or bool(found.get("KeyCount", 0))

    def open(self, path: str) -> S3Source:
        """An object, with its first 32 KB: one request."""
        key = self.key(path)
        if not key or key.endswith("/"):
            raise NotRegular(errno.EINVAL, "not a regular file")
        return S3Source(self, key)

    def read_bytes(self, path: str) -> bytes:
        """The whole object."""
        return self.ranged(self.key(path))[1]

    def open_input(self, path: str) -> BinaryIO:
        """The object as a seekable Python file."""
        return io.BytesIO(self.read_bytes(path))

    def write_atomic(self, path: str, content: bytes) -> None:
        """One request: readers see the old object or the new one."""
        self.call("put_object", Key=self.key(path), Body=content)

    def create_exclusive(self, path: str, content: bytes) -> bool:
        """Create the object unless there is one (`If-None-Match: *`)."""
        try:
            self.call("put_object", Key=self.key(path), Body=content, IfNoneMatch="*")
        except FileExistsError:
            return False
        return True

    def write_new(self, path: str, pieces: Iterable[bytes]) -> None:
        """Create an object that is not there; in parts, where it is large."""
        from dicomdex.adapters.storage_s3_put import upload

        upload(self, self.key(path), pieces)

    def rename_to(self, path: str, other: Any, other_path: str) -> None:
        """An object store has no rename."""
        raise OSError(errno.ENOTSUP, "S3: an object store has no rename")

    def delete(self, path: str) -> None:
        """Delete an object; nothing happens when it is not there."""
        self.call("delete_object", Key=self.key(path))

    def key(self, path: str) -> str:
        """The key of a path; OSError where its name is not UTF-8."""
        try:
            raw = unescape(path).decode("utf-8", "strict")
        except UnicodeDecodeError:
            raise OSError(errno.EILSEQ, "S3: its name is not UTF-8") from None
        if ".." in raw.split("/"):
            raise ValueError("a path must not lead out of its storage")
        return f"{self._root}{raw}"

    def call(self, method: str, **how: Any) -> dict[str, Any]:
        """One request of S3's API on the bucket; errors as OSError."""
        with s3_errors():
            answer: dict[str, Any] = self._fs.call_s3(method, Bucket=self.bucket, **how)
            return answer

    def ranged(self, key: str, **how: Any) -> tuple[dict[str, Any], bytes]:
        """GetObject with `Range` and conditions: its answer and its body."""
        with s3_errors():
            found: tuple[dict[str, Any], bytes] = sync(self._fs.loop, self._fs.ranged, self.bucket, key, how)
            return found

    def _below(self, prefix: str) -> str:
        key = self.key(prefix.strip("/"))
        return f"{key}/" if key and not key.endswith("/") else key

    def _pages(self, **how: Any) -> Iterator[dict[str, Any]]:
        page = self.call("list_objects_v2", **how)
        yield page
        while page.get("IsTruncated"):
            page = self.call("list_objects_v2", ContinuationToken=page["NextContinuationToken"], **how)
            yield page

    def _entry(self, key: str, size: int, found: dict[str, Any]) -> Entry:
        name = key[len(self._root) :]
        odd = any(part in ("", ".", "..") for part in name.split("/"))  # no path on a disk; listed, never opened
        return Entry(escape(name.encode()), int(size), _mtime(found), "other" if odd else "file")


class S3Source:
    """An open object. Later reads ask for the same version (`If-Match`): OSError where it was replaced meanwhile."""

    def __init__(self, storage: S3Storage, key: str) -> None:
        self._storage, self._key = storage, key
        try:
            answer, self._first = storage.ranged(key, Range=f"bytes=0-{FIRST_READ - 1}")
            size = answer.get("ContentRange", "").rpartition("/")[2] or answer["ContentLength"]
        except NoSuchRange:
            answer, self._first, size = storage.call("head_object", Key=key), b"", 0
        self.size, self.mtime = int(size), _mtime(answer)
        self._etag = answer["ETag"]

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset`; fewer only at the end of the object."""
        stop = min(offset + length, self.size)
        if offset >= stop:
            return b""
        if stop <= len(self._first):
            return self._first[offset:stop]
        return self._storage.ranged(self._key, Range=f"bytes={offset}-{stop - 1}", IfMatch=self._etag)[1]

    def __enter__(self) -> S3Source:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class _Ranges(S3FileSystem):  # type: ignore[misc]
    """s3fs with answer and body of one GetObject: its own `cat_file` gives the body alone."""

    async def ranged(self, bucket: str, key: str, how: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """A body that breaks off is asked for again."""
        for number in range(1, _BODY_TRIES + 1):
            answer = await self._call_s3("get_object", Bucket=bucket, Key=key, **how)
            try:
                async with answer["Body"] as body:
                    return answer, await body.read()
            except (HttpError, BotoCoreError, OSError, TimeoutError):
                if number == _BODY_TRIES:
                    raise
                await asyncio.sleep(0.5 * 3 ** (number - 1))
        raise AssertionError


def _is_directory(found: dict[str, Any]) -> bool:
    """An empty object that a console has made for a directory."""
    return str(found["Key"]).endswith("/") and found["Size"] == 0


def _mtime(found: dict[str, Any]) -> int:
    """Nanoseconds, of whole seconds: a listing may have milliseconds, the answers about one object never have."""
    return nanoseconds({"LastModified": found["LastModified"]}) // _SECOND * _SECOND
