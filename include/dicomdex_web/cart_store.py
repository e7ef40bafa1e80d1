"""Carts on the server, one a person: ids of documents in the order they were put in, in a file of mode 0600."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterable
from pathlib import Path

import orjson

ITEMS_MAX = 50_000  # a cohort; 5 MB of ids
# `<study>!study`, `!s.<series>`, `!i.<sop>`, `!c.<file_id>` (index.py), with `none.<hash>` for UIDs that are not there.
DOCUMENT_ID = re.compile(r"(?:none\.)?[0-9A-Za-z.]{1,80}!(?:study|[sic]\.(?:none\.)?[0-9A-Za-z.]{1,80})")


class Carts:
    """Safe for threads of one program."""

    def __init__(self, directory: Path, most: int = ITEMS_MAX) -> None:
        self._directory = directory
        self._most = most
        self._lock = threading.Lock()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def items(self, person: str) -> list[str]:
        """The ids in a person's cart."""
        try:
            kept = orjson.loads(self._file(person).read_bytes())
        except FileNotFoundError:
            return []
        return [str(one) for one in kept]

    def add(self, person: str, ids: Iterable[str]) -> tuple[int, int]:
        """Put ids in; how many are new, and how many no longer fit. What is no document id is left out."""
        with self._lock:
            kept = dict.fromkeys(self.items(person))
            before, left = len(kept), 0
            for one in ids:
                if one in kept or not DOCUMENT_ID.fullmatch(one):
                    continue
                if len(kept) < self._most:
                    kept[one] = None
                else:
                    left += 1
            self._write(person, list(kept))
            return len(kept) - before, left

    def remove(self, person: str, ids: Iterable[str]) -> None:
        """Take ids out."""
        gone = set(ids)
        with self._lock:
            self._write(person, [one for one in self.items(person) if one not in gone])

    def clear(self, person: str) -> None:
        """Empty it."""
        with self._lock:
            self._file(person).unlink(missing_ok=True)

    def _file(self, person: str) -> Path:
        return self._directory / f"{hashlib.blake2b(person.encode(), digest_size=16).hexdigest()}.json"

    def _write(self, person: str, ids: list[str]) -> None:
        path = self._file(person)
        temporary = path.with_suffix(".tmp")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(orjson.dumps(ids))
        temporary.replace(path)
