"""A storage on HDFS by `hdfs-native`: Hadoop's own protocol, no JVM.

Who reads is HADOOP_USER_NAME (else the operating system's user) or, where `core-site.xml` in HADOOP_CONF_DIR says so,
the principal of the Kerberos ticket. HDFS has no links here that are followed, and its names are UTF-8.
"""

from __future__ import annotations

import errno
import io
import os
import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

from hdfs_native import Client, WriteOptions

from dicomdex.adapters.hdfs_faults import hdfs_faults
from dicomdex.adapters.hdfs_source import HdfsSource
from dicomdex.adapters.source_file import SourceFile
from dicomdex.entry import Child, Entry, escape, unescape
from dicomdex.errors import StorageFault

# A NameNode that is away is asked again for 27 s, so that its restart is a wait and no failure; by default 180 s.
RETRIES = {"dfs.client.failover.max.attempts": "6", "dfs.client.failover.sleep.max.millis": "8000"}
_FILES, _DIRECTORIES = 0o640, 0o750
# A name of a listing costs the two ends 2.4 us, a question about one file 90 to 200: up to so many names that nobody
# asked about are read for one that somebody did.
_NAMES_FOR_ONE = 32
LONG = 8_192  # names of a directory whose files are asked about one by one, each by the thread that opens it
_ABSENT = (FileNotFoundError, NotADirectoryError)


def options() -> dict[str, str]:
    """What clients of HDFS are told; a site that has its own configuration (HADOOP_CONF_DIR) is asked for nothing."""
    return {} if os.environ.get("HADOOP_CONF_DIR") else RETRIES


def client_of(authority: str) -> Client:
    """The client of a NameNode or nameservice, one for the process and the user."""
    return _client(authority, os.environ.get("HADOOP_USER_NAME", ""), os.getpid())


@lru_cache(maxsize=8)
def _client(authority: str, _user: str, _pid: int) -> Client:
    with hdfs_faults():
        return Client(f"hdfs://{authority}", dict(options()))


class HdfsStorage:
    """The tree under an `hdfs:` URL.

    Blocks never change (an append only adds), so of a file that was opened no byte does; where its mtime, asked after
    opening, is still the listed one, it is the listed file. A second look would find nothing else.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        where = urlsplit(self.url)
        self._authority = where.netloc
        self._root = unquote(where.path).rstrip("/")
        self._longer: dict[str, int] = {}  # directory -> names that its listing was seen to have and more

    def walk(self, prefix: str) -> Iterator[Entry]:
        """Everything below a directory that is no directory."""
        top = prefix.rstrip("/")
        pending = [top]
        while pending:
            shown = pending.pop()
            for name, found in self._list(shown, missing_ok=shown != top):
                path = f"{shown}/{name}" if shown else name
                if found.isdir:
                    pending.append(path)
                else:
                    yield _entry(path, found)

    def children(self, prefix: str) -> list[Child]:
        """The names directly under a directory, sorted."""
        found = self._list(prefix.rstrip("/"), missing_ok=False)
        children = (Child(name, one.isdir, one.length, one.modification_time * 1_000_000) for name, one in found)
        return sorted(children, key=lambda child: child.name)

    def stat(self, path: str) -> Entry | None:
        """The entry of a file; None when nothing is there or when it is a directory."""
        found = self._info(path)
        return None if found is None or found.isdir else _entry(path, found)

    def exists(self, path: str) -> bool:
        """Whether there is a file or directory of this name."""
        return self._info(path) is not None

    def open(self, path: str) -> HdfsSource:
        """A file, open for reading by position."""
        source = self.open_undated(path)
        if source.mtime < 0:
            source.mtime = self._mtime(path)
        return source

    def open_undated(self, path: str) -> HdfsSource:
        """A file, open, its mtime (-1) not asked for yet: where many are opened, `mtimes` asks for all at once.

        In a directory that is known to be long it is asked for here.
        """
        with hdfs_faults():
            source = HdfsSource(self._client.read(self._real(path)))
        if self._longer.get(path.rpartition("/")[0], 0) >= LONG:
            source.mtime = self._mtime(path)
        return source

    def mtimes(self, paths: Iterable[str]) -> dict[str, int]:
        """The mtimes of files, in nanoseconds, by listing their directories where that costs less; without those that
        are gone.
        """
        wanted: defaultdict[str, set[str]] = defaultdict(set)
        for path in paths:
            wanted[path.rpartition("/")[0]].add(path)
        found: dict[str, int] = {}
        for directory, names in wanted.items():
            found.update(self._listed_mtimes(directory, names))
            for path in names - found.keys():  # gone, renamed between two pages of the listing, or not reached
                with suppress(FileNotFoundError):
                    found[path] = self._mtime(path)
        return found

    def read_bytes(self, path: str) -> bytes:
        """The whole file."""
        with hdfs_faults():
            reader = self._client.read(self._real(path))
            return bytes(reader.read_range(0, len(reader))) if len(reader) else b""

    def open_input(self, path: str) -> BinaryIO:
        """The file as a seekable Python file."""
        return cast(BinaryIO, io.BufferedReader(SourceFile(self.open(path)), 1 << 20))

    def write_atomic(self, path: str, content: bytes) -> None:
        """Temporary file beside it, then rename over the name."""
        self._publish(path, content, overwrite=True)

    def create_exclusive(self, path: str, content: bytes) -> bool:
        """Create the file without overwriting; False when it is there already. What is seen of it is whole."""
        try:
            if content:
                self._publish(path, content, overwrite=False)
            else:
                self._write(self._real(path), ())
        except FileExistsError:
            return False
        return True

    def write_new(self, path: str, pieces: Iterable[bytes]) -> None:
        """Create a file and write it piece by piece."""
        self._write(self._real(path), pieces, overwrite=True)

    def rename_to(self, path: str, other: Any, other_path: str) -> None:
        """Move the file to another root of the same file system in one step; OSError (EXDEV) to another one."""
        if getattr(other, "_authority", None) != self._authority:
            raise OSError(errno.EXDEV, "not on the same HDFS")
        self._rename(self._real(path), other._real(other_path), overwrite=True)

    def delete(self, path: str) -> None:
        """Delete a file; nothing happens when it is not there."""
        with hdfs_faults(), suppress(FileNotFoundError):
            self._client.delete(self._real(path), False)

    @property
    def _client(self) -> Client:
        return client_of(self._authority)

    def _real(self, path: str) -> str:
        raw = unescape(path).decode("utf-8", "surrogateescape")
        if ".." in raw.split("/"):
            raise ValueError("a path must not lead out of its storage")
        return f"{self._root}/{raw.strip('/')}".rstrip("/") or "/"

    def _mtime(self, path: str) -> int:
        entry = self.stat(path)
        if entry is None:
            raise FileNotFoundError(errno.ENOENT, "no such file")
        return entry.mtime

    def _listed_mtimes(self, directory: str, wanted: set[str]) -> dict[str, int]:
        limit = _NAMES_FOR_ONE * len(wanted)
        if len(wanted) == 1 or limit <= self._longer.get(directory, 0):
            return {}
        try:
            with hdfs_faults():
                begin = list(islice(self._client.list_status(self._real(directory), False), limit))
        except _ABSENT:
            return {}
        except StorageFault as fault:
            if fault.errno != errno.EACCES:  # who may open its files may not always list a directory
                raise
            return {}
        if len(begin) == limit:
            self._longer[directory] = limit
        paths = {_shown(directory, one): one for one in begin if not one.isdir}
        return {path: paths[path].modification_time * 1_000_000 for path in wanted & paths.keys()}

    def _info(self, path: str) -> Any:
        try:
            with hdfs_faults():
                return self._client.get_file_info(self._real(path))
        except _ABSENT:
            return None

    def _list(self, shown: str, *, missing_ok: bool) -> list[tuple[str, Any]]:
        real = self._real(shown)
        try:
            with hdfs_faults():
                found = list(self._client.list_status(real, False))
        except _ABSENT:
            if missing_ok:  # deleted or replaced since its parent was listed
                return []
            raise
        if len(found) == 1 and found[0].path == real:  # what a file answers
            if missing_ok:
                return []
            raise NotADirectoryError(errno.ENOTDIR, "not a directory")
        return [(_name(one), one) for one in found]

    def _publish(self, path: str, content: bytes, *, overwrite: bool) -> None:
        real = self._real(path)
        temporary = f"{real}.{secrets.token_hex(4)}.tmp"
        try:
            self._write(temporary, (content,))
            self._rename(temporary, real, overwrite=overwrite)
        except BaseException:
            with suppress(OSError), hdfs_faults():
                self._client.delete(temporary, False)
            raise

    def _write(self, real: str, pieces: Iterable[bytes], *, overwrite: bool = False) -> None:
        made = WriteOptions(overwrite=overwrite, permission=_FILES, create_parent=False)
        with hdfs_faults():
            try:
                target = self._client.create(real, made)
            except FileNotFoundError:
                self._make_parent(real)
                target = self._client.create(real, made)
            with target:
                for piece in pieces:
                    target.write(piece)

    def _rename(self, real: str, target: str, *, overwrite: bool) -> None:
        with hdfs_faults():
            try:
                self._client.rename(real, target, overwrite)
            except FileNotFoundError:
                self._make_parent(target)
                self._client.rename(real, target, overwrite)

    def _make_parent(self, real: str) -> None:
        self._client.mkdirs(real.rpartition("/")[0] or "/", _DIRECTORIES, True)


def _name(found: Any) -> str:
    return escape(found.path.rpartition("/")[2].encode("utf-8"))


def _shown(directory: str, found: Any) -> str:
    return f"{directory}/{_name(found)}" if directory else _name(found)


def _entry(path: str, found: Any) -> Entry:
    return Entry(path, int(found.length), int(found.modification_time) * 1_000_000)
