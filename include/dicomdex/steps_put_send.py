"""Sending the files of a drop by several threads: what is there is compared, what is not is sent."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dicomdex.adapters.putting import Target
from dicomdex.adapters.storage import Storage
from dicomdex.cli_errors import CannotGoOn
from dicomdex.crashpoint import crashpoint
from dicomdex.entry import Entry

# Errors of a network or a server that may be gone in a moment.
PASSING = frozenset(
    (errno.EIO, errno.EAGAIN, errno.EBUSY, errno.EPIPE, errno.ETIMEDOUT, errno.ECONNRESET, errno.ECONNREFUSED)
)
TRIES = 3
WAITS = 2.0  # seconds after the first try, five times as long after the next
Told = Callable[[int, int], None]  # files, bytes that are there since the last call


@dataclass(frozen=True)
class Delivery:
    """What is sent where: files by their path in the drop, the drop's directory, and where both lie."""

    source: Storage
    landing: Storage
    target: Target
    directory: str
    files: Mapping[str, Entry]
    marker: str

    def name(self, path: str) -> str:
        """Path in the landing area of a path in the drop."""
        return f"{self.directory}/{path}"


@dataclass
class Counts:
    """Files and bytes that were sent, and that were there already."""

    sent: int = 0
    sent_bytes: int = 0
    there: int = 0
    there_bytes: int = 0


class Done:
    """What is there so far, counted by several threads; `stop` ends them at the next piece."""

    def __init__(self, told: Told) -> None:
        self.counts = Counts()
        self.stop = threading.Event()
        self._told = told
        self._lock = threading.Lock()

    def piece(self, size: int) -> None:
        """So many bytes went out."""
        if self.stop.is_set():
            raise InterruptedError("stopped")
        with self._lock:
            self._told(0, size)

    def file(self, size: int, *, sent: bool) -> None:
        """A file is there."""
        with self._lock:
            if sent:
                self.counts.sent += 1
                self.counts.sent_bytes += size
            else:
                self.counts.there += 1
                self.counts.there_bytes += size
            self._told(1, 0 if sent else size)


def send_all(delivery: Delivery, there: Mapping[str, Entry], done: Done, *, threads: int, complete: bool) -> None:
    """Send or compare every file; the first that can't be ends it all."""

    def one(path: str) -> None:
        entry = delivery.files[path]
        if done.stop.is_set():
            return
        with _named(delivery, path), _opened(delivery, entry) as source:
            if path not in there:
                _send(delivery, entry, source, done)
            elif not delivery.target.holds(delivery.name(path), source):
                raise refused(delivery, path, "which has other bytes", complete=complete)
            done.file(entry.size, sent=path not in there)

    with ThreadPoolExecutor(threads, thread_name_prefix="put") as pool:
        try:
            futures = [pool.submit(one, path) for path in delivery.files]
            ended, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in ended:
                future.result()
        finally:
            done.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)


def _send(delivery: Delivery, entry: Entry, source: Any, done: Done) -> None:
    """Send a file, three times if the storage fails meanwhile."""
    for number in range(1, TRIES + 1):
        gone_out = 0

        def sent(size: int) -> None:
            nonlocal gone_out
            gone_out += size
            done.piece(size)

        try:
            delivery.target.send(delivery.name(entry.path), source, sent)
            crashpoint("put-sent")
            return
        except OSError as error:
            passes = error.errno in PASSING and number < TRIES
            if not passes or done.stop.wait(WAITS * 5 ** (number - 1)):
                raise
            done.piece(-gone_out)


@contextmanager
def _named(delivery: Delivery, path: str) -> Iterator[None]:
    """What went wrong with a file, with its name."""
    try:
        yield
    except OSError as error:
        raise cannot(delivery, path, f"{{}}: {error.strerror or type(error).__name__}") from None


@contextmanager
def _opened(delivery: Delivery, entry: Entry) -> Iterator[Any]:
    """The file to send, which must be the one that was listed, before and after."""
    with delivery.source.open(entry.path) as source:
        if (source.size, source.mtime) != (entry.size, entry.mtime):
            raise cannot(delivery, entry.path, "{} has changed since it was listed: run the same command again")
        yield source
    seen = delivery.source.stat(entry.path)
    if seen is None or (seen.size, seen.mtime) != (entry.size, entry.mtime):
        raise cannot(delivery, entry.path, "{} has changed while it was sent: choose another key")


def refused(delivery: Delivery, path: str, why: str, *, complete: bool) -> CannotGoOn:
    """A file that is there is not the one that would be sent."""
    state = "is complete already" if complete else "is in the landing area"
    return cannot(delivery, path, f"drop {drop_of(delivery)} {state} with {{}}, {why}: choose another key")


def cannot(delivery: Delivery, path: str, sentence: str) -> CannotGoOn:
    """The error with a file of the drop in place of {}: by its path for a terminal, by its id for a log."""
    from dicomdex.extract.row import file_id  # Arrow

    known = file_id(drop_of(delivery), delivery.name(path), None)
    return CannotGoOn(sentence.replace("{}", path, 1), sentence.replace("{}", f"file {known}", 1))


def drop_of(delivery: Delivery) -> str:
    return delivery.directory.replace("/", "~")
