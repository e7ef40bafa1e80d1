"""Local storages: names that survive, links that are not followed, errors raised without a path."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomdex.adapters.storage import (
    LocalStorage,
    NotRegular,
    Storage,
    escape,
    storage,
    unescape,
)

NASTY = [
    b"line\nbreak.dcm",
    b"-rf",
    b"'quote\" and $(id) `x` ; & |",
    b"\xff\xfe not utf-8 \xc3",
    b"%2e%2e",
    b"%FF",
    b"caf\xc3\xa9",
    b"cafe\xcc\x81",
    b"CASE",
    b"case",
    "😀".encode(),
    b"tab\tbell\x07del\x7f",
    "\u2028\x85".encode(),
    b"n" * 255,
    b" ",
    b"...",
]


@given(st.binary())
def test_any_bytes_survive_escaping(name: bytes) -> None:
    assert unescape(escape(name)) == name


@given(st.binary())
def test_an_escaped_name_is_one_printable_line_of_unicode(name: bytes) -> None:
    escaped = escape(name)
    escaped.encode("utf-8")
    assert len(escaped.splitlines()) <= 1
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in escaped)


def test_plain_names_stay_as_they_are() -> None:
    assert escape(b"a b/IM_0001.dcm") == "a b/IM_0001.dcm"
    assert escape("Zoë".encode()) == "Zoë"
    assert escape(b"50%\xff") == "50%25%FF"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    directory = tmp_path / "land ing"
    directory.mkdir()
    return directory


@pytest.fixture
def local(root: Path) -> LocalStorage:
    found = storage(root.as_uri())
    assert isinstance(found, LocalStorage)
    return found


def kinds(found: Storage, prefix: str) -> dict[str, str]:
    return {entry.path: entry.kind for entry in found.walk(prefix)}


def test_nasty_names_are_listed_and_open_to_their_own_content(root: Path, local: LocalStorage) -> None:
    directory = os.fsencode(root) + b"/d"
    (root / "d").mkdir()
    for name in NASTY:
        with open(directory + b"/" + name, "wb") as target:
            target.write(name)
    listed = list(local.walk("d"))
    assert sorted(unescape(entry.path) for entry in listed) == sorted(b"d/" + name for name in NASTY)
    for entry in listed:
        with local.open(entry.path) as source:
            assert b"d/" + source.read_at(0, 300) == unescape(entry.path)
        assert local.stat(entry.path) == entry
        assert local.read_bytes(entry.path) == unescape(entry.path)[2:]


def test_an_entry_has_the_size_in_bytes_and_the_mtime_in_nanoseconds(root: Path, local: LocalStorage) -> None:
    (root / "f").write_bytes(b"12345")
    os.utime(root / "f", ns=(0, 1_700_000_000_123_456_789))
    assert [(e.path, e.size, e.mtime, e.kind) for e in local.walk("")] == [("f", 5, 1_700_000_000_123_456_789, "file")]
    with local.open("f") as source:
        assert (source.size, source.mtime) == (5, 1_700_000_000_123_456_789)


def test_links_are_told_by_where_they_lead_and_never_followed(root: Path, local: LocalStorage) -> None:
    (root / "d/sub").mkdir(parents=True)
    (root / "other").mkdir()
    (root / "d/real").touch()
    for name, target in {
        "in": "real",
        "to_sub": "sub",
        "out": "../other",
        "absolute": "/etc/hostname",
        "broken_out": "../../nowhere",
        "broken_in": "nowhere",
        "loop": "loop",
        "up_loop": ".",
    }.items():
        (root / "d" / name).symlink_to(target)
    assert kinds(local, "d") == {
        "d/real": "file",
        "d/in": "link",
        "d/to_sub": "link",
        "d/broken_in": "link",
        "d/loop": "link",
        "d/up_loop": "link",
        "d/out": "link_out",
        "d/absolute": "link_out",
        "d/broken_out": "link_out",
    }
    (root / "linked").symlink_to("d")
    assert not next(child for child in local.children("") if child.name == "linked").is_directory
    with pytest.raises(NotADirectoryError):
        list(local.walk("linked"))


def test_only_regular_files_are_opened_and_a_fifo_does_not_block(root: Path, local: LocalStorage) -> None:
    os.mkfifo(root / "fifo")
    (root / "real").write_bytes(b"x")
    (root / "link").symlink_to("real")
    (root / "directory.dcm").mkdir()
    (root / "through").symlink_to(root)
    assert kinds(local, "") == {"fifo": "other", "real": "file", "link": "link", "through": "link"}
    for path in ("fifo", "link", "directory.dcm", "through/real", "real/below"):
        with pytest.raises(NotRegular):
            local.open(path)


def test_a_directory_that_was_opened_before_is_followed_nowhere_else(root: Path, local: LocalStorage) -> None:
    outside = root.parent / "outside"
    for directory in (root / "d", outside):
        directory.mkdir()
        (directory / "x").write_bytes(directory.name.encode())

    def content() -> bytes:
        with local.open("d/x") as source:
            return source.read_at(0, 10)

    assert content() == b"d"
    (root / "d").rename(root / "moved")
    (root / "d").symlink_to(outside)
    assert content() == b"d"
    (root / "moved" / "x").unlink()
    with pytest.raises(NotRegular):
        content()
    (root / "d").unlink()
    (root / "d").mkdir()
    (root / "d" / "x").write_bytes(b"new")
    assert content() == b"new"


def test_a_path_never_leads_out_of_the_storage(root: Path, local: LocalStorage) -> None:
    (root.parent / "secret").touch()
    for path in ("../secret", "d/../../secret", "%2E%2E/secret", ".."):
        with pytest.raises(ValueError, match="lead out"):
            local.open(path)
        with pytest.raises(ValueError, match="lead out"):
            local.read_bytes(path)


def test_what_is_not_there_says_so(root: Path, local: LocalStorage) -> None:
    assert local.stat("no") is None
    assert local.stat("no/where") is None
    assert not local.exists("no")
    (root / "d").mkdir()
    assert local.stat("d") is None
    assert local.exists("d")
    for act in (lambda: local.open("no/where"), lambda: list(local.walk("no")), lambda: local.children("no")):
        with pytest.raises(FileNotFoundError):
            act()
    local.delete("no")


def test_a_storage_error_is_raised_and_its_text_holds_no_path(root: Path, local: LocalStorage) -> None:
    (root / "DOE^JANE").touch()
    with pytest.raises(OSError, match="Not a directory") as failed:
        local.children("DOE^JANE")
    assert failed.value.errno == errno.ENOTDIR
    assert "DOE" not in str(failed.value)
    with pytest.raises(OSError, match="File name too long") as failed:
        local.open("DOE^JANE" * 100)
    assert "DOE" not in str(failed.value)


def as_nobody(act: Callable[[], object]) -> object:
    """Run where file modes count: as root in a thread with another file system user, which Linux keeps by thread."""
    outcome: list[object] = []

    def run() -> None:
        if os.geteuid() == 0:
            ctypes.CDLL(None).setfsuid(65534)
        try:
            outcome.append(act())
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return outcome[0]


def test_a_directory_or_file_that_may_not_be_read_is_an_error_and_never_left_out() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        (root / "d/shut").mkdir(parents=True)
        (root / "d/shut/x.dcm").touch()
        (root / "d/closed.dcm").touch()
        (root / "d/closed.dcm").chmod(0)
        (root / "d/shut").chmod(0)
        local = LocalStorage(root.as_uri())
        assert isinstance(as_nobody(lambda: local.open("d/closed.dcm")), PermissionError)
        assert isinstance(as_nobody(lambda: list(local.walk("d"))), PermissionError)
        (root / "d/shut").chmod(0o755)


def test_a_read_beyond_the_end_gives_what_there_is(root: Path, local: LocalStorage) -> None:
    (root / "f").write_bytes(b"0123456789")
    with local.open("f") as source:
        assert source.read_at(8, 10) == b"89"
        assert source.read_at(10, 1) == b""
        assert source.read_at(2, 3) == b"234"


def test_of_many_exclusive_creators_exactly_one_wins(local: LocalStorage) -> None:
    start, won = threading.Barrier(8), []

    def create() -> None:
        start.wait()
        won.append(local.create_exclusive("a/b/claim", b""))

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]


def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(local: LocalStorage) -> None:
    local.write_atomic("w/f", b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            local.write_atomic("w/f", b"new" * 4096)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert {child.name for child in local.children("w")} == {"f"}
    assert local.read_bytes("w/f") == b"old"
