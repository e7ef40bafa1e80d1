"""A drop: one delivery, a directory of the landing area at the configured depth, and when it is complete.

The drop key is the directory's path relative to the landing area with `/` written `~`. It is a file name, a partition
value, a URL part and a task's label, so it holds nothing but `[A-Za-z0-9._~-]`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from dicomdex.entry import Entry
from dicomdex.errors import DropError

DROP_KEY = re.compile(r"[A-Za-z0-9._~-]{1,100}")
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Seen:
    """A complete drop and what it is known by: the marker's mtime and size, or the digest of its listing.

    The same key with another signature is a new delivery.
    """

    key: str
    signature: str


@dataclass(frozen=True, slots=True)
class Look:
    """What a drop looked like (`digest`) and since when it has been looking so, in seconds since the epoch.

    The time is that of the observer's first look, kept with the digest: looks are taken by different processes, whose
    monotonic clocks have nothing to do with each other.
    """

    digest: str
    since: float


def valid_key(key: str) -> str:
    """The key itself; DropError when it is none. No part is empty or starts with a dot, `..` is nowhere."""
    parts = key.split("~")
    if DROP_KEY.fullmatch(key) is None or ".." in key or any(not part or part[0] == "." for part in parts):
        shown = key[:_SHOWN] if key.isascii() and key.isprintable() else f"of {len(key)} characters"
        raise DropError(f"{shown!r} is no drop key: use letters, digits and . _ - (up to 100), ~ between directories")
    return key


def key_of(relative_path: str) -> str:
    """Drop key of a directory given relative to the landing area; DropError where its name makes none."""
    if "~" in relative_path:
        raise DropError("a directory with ~ in its name makes no drop key: ~ stands for /")
    return valid_key(relative_path.strip("/").replace("/", "~"))


def directory_of(key: str) -> str:
    """Directory of a drop, relative to the landing area."""
    return valid_key(key).replace("~", "/")


def drop_key(partition_key: str | None, param: str | None) -> str:
    """The drop a run is about: its partition key, else its Param `drop`; DropError when there is neither."""
    key = (partition_key or param or "").strip()
    if not key:
        raise DropError("no drop given: start the run with a partition key or set the Param 'drop'")
    return valid_key(key)


def at_depth(key: str, depth: int) -> str:
    """The key; DropError when its directory does not lie `depth` levels below the landing area."""
    levels = valid_key(key).count("~") + 1
    if levels != depth:
        raise DropError(f"drop {key} is {levels} level(s) deep, drops here are {depth} (DICOMDEX_DROP_DEPTH)")
    return key


def name_hash(relative_path: str) -> str:
    """How a log names a directory that makes no drop key: 16 hex digits that say nothing of the name."""
    return hashlib.blake2b(relative_path.encode("utf-8"), digest_size=8).hexdigest()


def marker_signature(marker: Entry) -> str:
    """What a drop with a marker is known by; a rewritten marker gives another one."""
    return f"{marker.mtime}:{marker.size}"


def listing_digest(entries: Iterable[Entry]) -> str:
    """Digest over path, size and mtime of a listing, in any order; 32 hex digits."""
    digest = hashlib.blake2b(digest_size=16)
    for path, size, mtime in sorted((entry.path, entry.size, entry.mtime) for entry in entries):
        digest.update(f"{path}\0{size}\0{mtime}\n".encode())
    return digest.hexdigest()


def look_again(before: Look | None, digest: str, now: float) -> Look:
    """The look to remember: the earlier one as long as nothing changed, else one that starts now.

    A clock that was set back starts the wait anew; no clock is ever compared with a file's mtime.
    """
    if before is not None and before.digest == digest and before.since <= now:
        return before
    return Look(digest, now)


def is_settled(before: Look | None, digest: str, now: float, quiet_period: float) -> bool:
    """Quiet-period rule: two looks at least `quiet_period` seconds apart saw the same listing."""
    return before is not None and before.digest == digest and now - before.since >= quiet_period
