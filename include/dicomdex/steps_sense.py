"""Sensing: which drops of the landing area are complete and not announced yet."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping

from dicomdex.adapters.storage import Storage, WebHdfsStorage, storage
from dicomdex.adapters.work import WorkArea
from dicomdex.drop import (
    Seen,
    at_depth,
    directory_of,
    is_settled,
    key_of,
    listing_digest,
    look_again,
    marker_signature,
    name_hash,
)
from dicomdex.errors import DropError
from dicomdex.settings import Settings

_log = logging.getLogger(__name__)


def new_drops(settings: Settings, *, landing: Storage | None = None) -> list[dict[str, str]]:
    """Drops that are complete and not announced, or announced with another signature: `{key, signature}`, sorted.

    Over WebHDFS a drop with a file that is still being written is not complete, whatever marker it has.
    Without a marker this takes a look at every drop and remembers it, so it is to be called again and again. `landing`
    takes the place of the storage of `settings.landing`, e.g. one over WebHDFS. An absent landing area is a DropError.
    """
    landing, work = landing or storage(settings.landing), WorkArea(settings.work)
    keys, unusable = _keys(landing, settings.drop_depth)
    if unusable:
        _log.warning("%d directories make no drop key, by hash: %s", len(unusable), ", ".join(unusable[:10]))
    seen = (_complete(settings, landing, work, key) for key in keys)
    fresh = [drop for drop in seen if drop is not None and work.announced(drop.key) != drop.signature]
    return [{"key": drop.key, "signature": drop.signature} for drop in fresh if not _being_written(landing, drop.key)]


def complete_drop(settings: Settings, drop: str, *, landing: Storage | None = None) -> dict[str, str] | None:
    """`{key, signature}` when this drop is complete, announced or not; None when it is not there or not complete."""
    key, landing = at_depth(drop, settings.drop_depth), landing or storage(settings.landing)
    seen = _complete(settings, landing, WorkArea(settings.work), key)
    if seen is None or _being_written(landing, key):
        return None
    return {"key": seen.key, "signature": seen.signature}


def remember_drops(settings: Settings, seen: Iterable[Mapping[str, str]]) -> None:
    """Remember drops as announced. To be called after the announcement has gone out, never before."""
    work = WorkArea(settings.work)
    for drop in seen:
        at_depth(drop["key"], settings.drop_depth)
        work.write_json(f"drops/{drop['key']}/announced.json", {"signature": drop["signature"]})


def unusable_names(settings: Settings, *, landing: Storage | None = None) -> list[str]:
    """Hashes of the directories at a drop's depth (or on the way there) whose names make no drop key."""
    return _keys(landing or storage(settings.landing), settings.drop_depth)[1]


def _being_written(landing: Storage, key: str) -> bool:
    return isinstance(landing, WebHdfsStorage) and landing.being_written(directory_of(key))


def _keys(landing: Storage, depth: int) -> tuple[list[str], list[str]]:
    keys, unusable = [], []
    try:
        for path in list(_directories(landing, "", depth)):
            try:
                keys.append(key_of(path))
            except DropError:
                unusable.append(name_hash(path))
    except FileNotFoundError:
        raise DropError("the landing area is not there (DICOMDEX_LANDING)") from None
    return keys, unusable


def _directories(landing: Storage, prefix: str, depth: int) -> Iterator[str]:
    for child in landing.children(prefix):
        path = f"{prefix}/{child.name}" if prefix else child.name
        if child.is_directory and depth == 1:
            yield path
        elif child.is_directory:
            yield from _directories(landing, path, depth - 1)


def _complete(settings: Settings, landing: Storage, work: WorkArea, key: str) -> Seen | None:
    if settings.marker:
        marker = landing.stat(f"{directory_of(key)}/{settings.marker}")
        return Seen(key, marker_signature(marker)) if marker is not None and marker.kind == "file" else None
    try:
        digest = listing_digest(landing.walk(directory_of(key)))
    except (FileNotFoundError, NotADirectoryError):
        return None
    before, now = work.look(key), time.time()
    look = look_again(before, digest, now)
    if look != before:
        work.remember_look(key, look)
    return Seen(key, digest) if is_settled(before, digest, now, settings.quiet_period) else None
