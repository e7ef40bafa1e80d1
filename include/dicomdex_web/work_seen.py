"""What the work area says of drops and collections: ledgers and verdicts as validate has left them. No Delta is opened.

A ledger is a function of drop and catalog version; what is shown is the last one that was stored, with its version.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dicomdex import steps_retire
from dicomdex.adapters.collection_area import CollectionArea
from dicomdex.adapters.work import WorkArea
from dicomdex.drop import valid_key
from dicomdex.errors import DropError
from dicomdex.extract.reject import REASONS
from dicomdex.settings import Settings

DROPS_A_PAGE = 50
FRESH = 10.0  # seconds
PENDING_LOOKED_AT = 200  # the latest drops; older ones are not under way


@dataclass(frozen=True)
class Drop:
    """A drop as people see it. `verdict`: ok, red or none; `ledger` empty where it was not validated yet."""

    key: str
    verdict: str
    sentence: str
    ledger: dict[str, Any]
    version: int | None

    def count(self, state: str) -> int:
        """Files of a state; of rejected and ignored the sum over reasons."""
        found = self.ledger.get(state, 0)
        return sum(found.values()) if isinstance(found, dict) else int(found)


@dataclass(frozen=True)
class Rejected:
    """A reason with its sentence, what to do, and how many files of which drops."""

    reason: str
    sentence: str
    what_to_do: str
    files: int
    drops: tuple[tuple[str, int], ...]


def drops(settings: Settings, before: str = "") -> tuple[list[Drop], str]:
    """The latest drops by key, fifty at a time, and the key after which the next fifty come (empty = no more)."""
    work = WorkArea(settings.work)
    keys = [key for key in reversed(work.drops()) if not before or key < before]
    shown = keys[:DROPS_A_PAGE]
    return [_drop(work, key) for key in shown], shown[-1] if len(keys) > DROPS_A_PAGE else ""


def verdict_of(settings: Settings, key: str) -> dict[str, Any]:
    """The last verdict on a drop; DropError where the work area knows no such drop."""
    work = WorkArea(settings.work)
    if valid_key(key) not in work.drops():
        raise DropError(f"there is no drop {key}")
    return work.read_json(f"drops/{key}/verdict.json")


def rejected(shown: Iterable[Drop]) -> list[Rejected]:
    """Rejects of these drops by reason, most frequent first."""
    of_reason: dict[str, list[tuple[str, int]]] = {}
    total: Counter[str] = Counter()
    for drop in shown:
        for reason, files in (drop.ledger.get("rejected") or {}).items():
            of_reason.setdefault(reason, []).append((drop.key, int(files)))
            total[reason] += int(files)
    return [_rejected(reason, files, tuple(of_reason[reason])) for reason, files in total.most_common()]


def collections(settings: Settings) -> list[dict[str, Any]]:
    """What is behind the alias and beside it, the live one first, each with its last verdict; asks Solr."""
    work = WorkArea(settings.work)
    found = steps_retire.collections(settings, settings.alias)
    for one in found:
        verdict = CollectionArea(work, one["name"]).verdict()
        one["verdict"] = one["verdict"] or str(verdict.get("sentence", ""))
    return sorted(found, key=lambda one: one["state"] != "live")


class Pending:
    """Drops that have arrived and have no verdict yet, looked up every ten seconds."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._at = float("-inf")
        self._keys: tuple[str, ...] = ()
        self._judged: set[str] = set()

    def keys(self) -> tuple[str, ...]:
        """Drop keys, sorted; none where the work area can't be read, since a search needs it not."""
        with self._lock:
            if time.monotonic() - self._at >= FRESH:
                self._at = time.monotonic()
                self._keys = self._looked_up()
            return self._keys

    def _looked_up(self) -> tuple[str, ...]:
        try:
            work = WorkArea(self._settings.work)
            unknown = [key for key in work.drops()[-PENDING_LOOKED_AT:] if key not in self._judged]
            self._judged |= {key for key in unknown if work.read_json(f"drops/{key}/verdict.json")}
        except OSError:
            return ()
        return tuple(key for key in unknown if key not in self._judged)


def _drop(work: WorkArea, key: str) -> Drop:
    verdict = work.read_json(f"drops/{key}/verdict.json")
    said = "" if not verdict else "ok" if verdict.get("ok") else "red"
    sentence = str(verdict.get("sentence", "")) if said == "red" else str(verdict.get("line", ""))
    return Drop(key, said, sentence, verdict.get("ledger") or {}, verdict.get("catalog_version"))


def _rejected(reason: str, files: int, of_drops: tuple[tuple[str, int], ...]) -> Rejected:
    known = REASONS.get(reason)
    return Rejected(reason, known.sentence if known else "", known.what_to_do if known else "", files, of_drops)
