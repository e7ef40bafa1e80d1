"""Who rebuilds an alias: one run at a time. A lease in the work area, kept alive by signs of life.

rebuilds/<alias>.json   {run_id, collection, since, seen, state: held | free}

A run whose last sign of life is older than `rebuild_lease` counts as dead, as does one that the caller knows to have
ended. Each later step of a run that was taken over finds that out (`still_held`) and stops; so of two that take a dead
lease in the same moment the one that wrote first goes no further, and each has built a collection of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import orjson

from dicomdex.adapters.work import WorkArea
from dicomdex.errors import CollectionRefused
from dicomdex.settings import Settings

BEAT = 30.0  # seconds between two signs of life of a long step


def take(settings: Settings, alias: str, run_id: str, collection: str, ended: Sequence[str] = ()) -> None:
    """Take the lease on an alias; CollectionRefused, saying who holds it, where another run that lives does."""
    work, path = WorkArea(settings.work), _path(alias)
    held = work.read_json(path)
    fresh = _lease(run_id, collection)
    if held and held["run_id"] != run_id and held["state"] == "held":
        seconds = (datetime.now(UTC) - datetime.fromisoformat(held["seen"])).total_seconds()
        if held["run_id"] not in ended and seconds < settings.rebuild_lease:
            raise CollectionRefused(_held_by(settings, alias, held, seconds))
    if held:
        work.write_json(path, fresh)
        still_held(settings, alias, run_id)
    elif not work.storage.create_exclusive(path, orjson.dumps(fresh)):
        take(settings, alias, run_id, collection, ended)


def still_held(settings: Settings, alias: str, run_id: str) -> None:
    """A sign of life; CollectionRefused where another run has taken the rebuild over."""
    work = WorkArea(settings.work)
    held = work.read_json(_path(alias))
    if held.get("run_id") != run_id or held.get("state") != "held":
        by = f"run {held['run_id']} has taken it over" if held.get("state") == "held" else "nobody holds it"
        raise CollectionRefused(f"run {run_id} no longer holds the rebuild of {alias}: {by}; start a new rebuild")
    work.write_json(_path(alias), {**held, "seen": _now()})


@contextmanager
def alive(settings: Settings, alias: str, run_id: str) -> Iterator[None]:
    """Signs of life while a long step runs."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT):
            with suppress(OSError, CollectionRefused):  # the step's own next look decides, not this one
                still_held(settings, alias, run_id)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def release(settings: Settings, run_id: str) -> list[str]:
    """Give back what a run holds; the aliases. To be called when a run has ended, however it did."""
    work = WorkArea(settings.work)
    freed = []
    for path in _leases(work):
        held = work.read_json(path)
        if held.get("run_id") == run_id and held["state"] == "held":
            work.write_json(path, {**held, "state": "free"})
            freed.append(path.removeprefix("rebuilds/").removesuffix(".json"))
    return freed


def holders(settings: Settings, *, silent: bool = False) -> dict[str, str]:
    """Collection -> run, for every rebuild that holds its lease and has shown life lately; with `silent`, or not."""
    work = WorkArea(settings.work)
    found = {}
    for path in _leases(work):
        held = work.read_json(path)
        seconds = (datetime.now(UTC) - datetime.fromisoformat(held["seen"])).total_seconds()
        if held["state"] == "held" and (silent or seconds < settings.rebuild_lease):
            found[str(held["collection"])] = str(held["run_id"])
    return found


def _lease(run_id: str, collection: str) -> dict[str, Any]:
    now = _now()
    return {"run_id": run_id, "collection": collection, "since": now, "seen": now, "state": "held"}


def _held_by(settings: Settings, alias: str, held: dict[str, Any], seconds: float) -> str:
    rest = max(1, round((settings.rebuild_lease - seconds) / 60))
    return (
        f"run {held['run_id']} has been rebuilding {alias} into {held['collection']} since {held['since']}"
        f" and was alive {seconds:.0f} s ago: wait until it ends (if it is dead, it counts as such in {rest} min)"
    )


def _leases(work: WorkArea) -> list[str]:
    try:
        names = [child.name for child in work.storage.children("rebuilds")]
    except FileNotFoundError:
        return []
    return [f"rebuilds/{name}" for name in names if name.endswith(".json")]


def _path(alias: str) -> str:
    return f"rebuilds/{alias}.json"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
