"""The access trail: one line for each login, search, view, download, export and operation, chained by HMAC.

A line is canonical JSON: `seq`, `at` (UTC), `person`, `role`, `action`, `outcome`, `ids`, `address`, `before` (the
chain value of the line before) and `chain` = HMAC-SHA-256 over the line without it. The last number and chain value lie
in a file beside it, so that lines cut off at the end are missed too. Without the key no line can be changed unnoticed.

Ids are document ids, file_ids, drop keys, collections, run ids and digests of queries: no value of a patient.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from dicomdex_web.session import Person

FIRST = "0" * 64
IDS_MAX = 1_000
LONGEST = 1 << 20  # bytes: more than a line of 1,000 ids


@dataclass(frozen=True)
class Verified:
    """What a look at the whole trail found: lines that are as they were written, and the first thing that is wrong."""

    lines: int
    last: str
    wrong: str = ""


class Trail:
    """Appends lines; safe for threads of one program, which alone writes (a lock on the file keeps others out)."""

    def __init__(self, path: Path, key: bytes) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._key = key
        self._lock = threading.Lock()
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._head = os.open(_head_of(path), os.O_RDWR | os.O_CREAT, 0o600)
        _keep_others_out(self._file)
        self._seq, self._chain = _continued(path, key)
        _end_half_a_line(path, self._file)

    def add(self, person: Person | str, action: str, outcome: str, ids: Sequence[str], address: str) -> None:
        """One line, written before this returns. Of more than 1,000 ids the first ones and their number."""
        line: dict[str, Any] = {
            "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "person": person.name if isinstance(person, Person) else person,
            "role": person.role.name if isinstance(person, Person) else "",
            "action": action,
            "outcome": outcome,
            "ids": list(ids[:IDS_MAX]),
            "address": address,
        }
        if len(ids) > IDS_MAX:
            line["ids_in_all"] = len(ids)
        with self._lock:
            line |= {"seq": self._seq + 1, "before": self._chain}
            chain = _chain(self._key, line)
            os.write(self._file, _canonical({**line, "chain": chain}) + b"\n")
            self._seq, self._chain = self._seq + 1, chain
            os.pwrite(self._head, _head(self._key, self._seq, chain), 0)

    def close(self) -> None:
        """Bring everything to the disk and let others write."""
        with self._lock:
            os.fsync(self._file)
            os.close(self._file)
            os.close(self._head)


def verify(path: Path, key: bytes) -> Verified:
    """Read the whole trail; the first line that is not as it was written, or what is missing at its end.

    A page may write meanwhile: the head is read first, and lines after the one it names are looked at too.
    """
    head = _read_head(path, key)
    seq, before, at = 0, FIRST, ""
    for number, text in enumerate(_lines(path), 1):
        line = _line(text)
        if line is None or line["seq"] != seq + 1 or line.get("before") != before or not _is_whole(key, line):
            return Verified(seq, at, f"line {number} is not as it was written, or one before it is gone")
        seq, before, at = seq + 1, line["chain"], line["at"]
    if head is None:
        return Verified(seq, at, "its head is not as it was written" if _head_of(path).exists() or seq else "")
    return Verified(seq, at, f"{head[0] - seq:,} lines are missing at the end" if head[0] > seq else "")


def _continued(path: Path, key: bytes) -> tuple[int, str]:
    """Number and chain value to go on from; numbers of lines that are gone are not given again: they stay missed."""
    seq, chain = _read_head(path, key) or (0, FIRST)
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - LONGEST))
        tail = file.read()
    line = _line((tail.splitlines() or [b""])[-1])
    if line:
        return max(seq, line["seq"]), str(line["chain"])
    return seq, chain


def _end_half_a_line(path: Path, file: int) -> None:
    """What a crash left is ended, so that the next line is a whole one; verify names it."""
    with path.open("rb") as lines:
        size = lines.seek(0, os.SEEK_END)
        lines.seek(max(0, size - 1))
        if lines.read() not in (b"", b"\n"):
            os.write(file, b"\n")


def _lines(path: Path) -> Iterator[bytes]:
    if path.exists():
        with path.open("rb") as lines:
            yield from lines


def _line(text: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) and "chain" in found and "seq" in found else None


def _is_whole(key: bytes, line: dict[str, Any]) -> bool:
    own = {name: value for name, value in line.items() if name != "chain"}
    return hmac.compare_digest(_chain(key, own), str(line["chain"]))


def _chain(key: bytes, line: dict[str, Any]) -> str:
    return hmac.new(key, _canonical(line), hashlib.sha256).hexdigest()


def _canonical(line: dict[str, Any]) -> bytes:
    return orjson.dumps(line, option=orjson.OPT_SORT_KEYS)


def _head_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.head")


def _head(key: bytes, seq: int, chain: str) -> bytes:
    """Number, chain value, and a proof that both were written here: an older line's own values make no head."""
    proof = hmac.new(key, f"head {seq} {chain}".encode(), hashlib.sha256).hexdigest()
    return f"{seq:020} {chain} {proof}\n".encode()


def _read_head(path: Path, key: bytes) -> tuple[int, str] | None:
    """Number and chain value of the last line; None where there is no head, or one that is not ours."""
    try:
        found = _head_of(path).read_bytes()
        seq, chain, _ = found.decode().split()
        return (int(seq), chain) if hmac.compare_digest(found, _head(key, int(seq), chain)) else None
    except (OSError, ValueError):
        return None


def _keep_others_out(file: int) -> None:
    import fcntl

    from dicomdex.errors import SettingsError

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise SettingsError("another page writes this access trail: set DICOMDEX_WEB_DIRECTORY") from None


def ids_of(documents: Iterable[dict[str, Any]]) -> list[str]:
    """What a trail keeps of documents."""
    return [str(one["id"]) for one in documents]
