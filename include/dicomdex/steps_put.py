"""Put: a directory of this machine becomes a drop of the landing area, its marker last.

Interrupted anywhere, it goes on where it stopped: what is there with the same bytes is not sent again. It never
replaces and never deletes a file that another wrote. Messages name files, for the terminal; for
logs there is `CannotGoOn.unnamed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from dicomdex.adapters.putting import FileTarget, Target
from dicomdex.adapters.storage import LocalStorage, Storage, storage
from dicomdex.cli_errors import CannotGoOn
from dicomdex.crashpoint import crashpoint
from dicomdex.drop import at_depth, directory_of
from dicomdex.entry import Entry
from dicomdex.settings import Settings
from dicomdex.steps_put_send import Delivery, Done, Told, cannot, drop_of, refused, send_all

# A small file costs HDFS half a second of waiting, an object store some 50 ms; a session over WebHDFS keeps ten
# connections.
THREADS, THREADS_REMOTE = 8, 32


def put(
    settings: Settings,
    source: Path,
    key: str,
    *,
    threads: int = 0,
    told: Told | None = None,
    landing: Storage | None = None,
) -> dict[str, Any]:
    """Send a directory as the drop `key`; counts of what was sent and of what was there already.

    `threads`: files at the same time, 0 = 8 to local disks and over WebHDFS, 32 elsewhere; `told` is called from them.
    `landing`: the landing area where another way leads there than its URL.
    CannotGoOn names the file that can't be read, or that is there with other content; DropError where the key is none.
    """
    landing = landing or storage(settings.landing)
    delivery, left_out = _delivery(settings, landing, source, at_depth(key, settings.drop_depth))
    found = _found(delivery)
    done = Done(told or _silent)
    complete = bool(delivery.marker) and delivery.marker in found
    there = {path: entry for path, entry in found.items() if path != delivery.marker}
    _check_names(delivery, there, complete=complete)
    many = threads or (THREADS if landing.url.startswith(("file:", "webhdfs:")) else THREADS_REMOTE)
    send_all(delivery, there, done, threads=many, complete=complete)
    if not complete:
        _finish(delivery, key)
    size = sum(entry.size for entry in delivery.files.values())
    return {
        **{"drop": key, "files": len(delivery.files), "bytes": size, **asdict(done.counts), "left_out": left_out},
        **{"verified_by": delivery.target.verified_by, "marker": delivery.marker, "was_complete": complete},
    }


def _delivery(settings: Settings, landing: Storage, source: Path, key: str) -> tuple[Delivery, list[str]]:
    """What there is to send, and what is no regular file and so is left out."""
    if not source.is_dir():
        raise CannotGoOn(f"{source} is no directory", "the directory to put is not there")
    _check_apart(settings, source)
    local = LocalStorage(source.resolve().as_uri())
    if not landing.exists(""):  # not mounted, perhaps: never made anew
        sentence = "the landing area is not there (DICOMDEX_LANDING)"
        raise CannotGoOn(sentence, sentence)
    listed = [entry for entry in local.walk("") if entry.path != settings.marker]
    files = {entry.path: entry for entry in sorted(listed, key=lambda entry: entry.path) if entry.kind == "file"}
    if not files:
        raise CannotGoOn(f"{source} holds no file to put", "the directory holds no file to put")
    left_out = sorted(entry.path for entry in listed if entry.kind != "file")
    return Delivery(
        local, landing, target_of(landing, settings.marker), directory_of(key), files, settings.marker
    ), left_out


def size_of(source: Path, marker: str) -> tuple[int, int]:
    """Files and bytes that there are to send, for the bar; nothing of a directory that is not there."""
    if not source.is_dir():
        return 0, 0
    sizes = [e.size for e in LocalStorage(source.resolve().as_uri()).walk("") if e.kind == "file" and e.path != marker]
    return len(sizes), sum(sizes)


def target_of(landing: Storage, marker: str) -> Target:
    """How files get into this landing area."""
    if landing.url.startswith("s3:"):
        from dicomdex.adapters.storage_s3_put import S3Target  # botocore: 0.5 s that others do not need

        return S3Target(cast(Any, landing))
    return FileTarget(landing, marker)


def _check_apart(settings: Settings, source: Path) -> None:
    where = urlsplit(settings.landing)
    if where.scheme == "file":
        landing = Path(unquote(where.path)).resolve()
        if landing in (source.resolve(), *source.resolve().parents) or source.resolve() in landing.parents:
            sentence = "{} and the landing area lie in one another: put a directory from elsewhere"
            raise CannotGoOn(sentence.format(source), sentence.format("the directory"))


def _found(delivery: Delivery) -> dict[str, Entry]:
    """What the landing area has of the drop, by the path in it; traces of an interrupted put are removed."""
    try:
        listed = list(delivery.landing.walk(delivery.directory))
    except FileNotFoundError:
        listed = []
    listed = delivery.target.clear(listed, delivery.directory)
    return {entry.path[len(delivery.directory) + 1 :]: entry for entry in listed}


def _check_names(delivery: Delivery, there: Mapping[str, Entry], *, complete: bool) -> None:
    """Before anything is sent: nothing there is of another size, nothing is there that the directory does not have."""
    for path, entry in there.items():
        own = delivery.files.get(path)
        if own is None:
            raise refused(delivery, path, "which is not in the directory", complete=complete)
        if entry.size != own.size:
            raise refused(delivery, path, f"of {entry.size:,} bytes, not {own.size:,}", complete=complete)
    missing = next((path for path in delivery.files if path not in there), None)
    if complete and missing is not None:
        state = f"drop {drop_of(delivery)} is complete already"
        raise cannot(delivery, missing, f"{state}, without {{}}: choose another key")


def _finish(delivery: Delivery, key: str) -> None:
    """List once more, then write the marker."""
    above = {delivery.name(path).rpartition("/")[0] for path in delivery.files}
    delivery.target.settle(above)
    found = _found(delivery)
    for path, entry in found.items():
        own = delivery.files.get(path)
        if own is None or own.size != entry.size:
            raise cannot(delivery, path, f"{{}} was written into drop {key} by another meanwhile: choose another key")
    missing = next((path for path in delivery.files if path not in found), None)
    if missing is not None:
        raise cannot(delivery, missing, f"{{}} is no longer in drop {key}: run the same command again")
    crashpoint("put-listed")
    if delivery.marker:
        delivery.landing.create_exclusive(delivery.name(delivery.marker), b"")  # a name of its own, no temporary one


def _silent(_files: int, _bytes: int) -> None:
    return None
