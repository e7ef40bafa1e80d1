"""Files below a landing area as they are served: the same as catalogued, whole or not at all."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dicomdex.adapters.local_source import LocalSource
from dicomdex.adapters.served import PIECE, Broken, Opened, open_file, open_members, pieces
from dicomdex.adapters.storage import FsspecStorage, LocalStorage
from dicomdex.extract.row import file_id
from dicomdex.serve import BROKEN, CHANGED, GONE, NOT_REGULAR, Locator, Refusal
from tests.unit.made_archives import tarred, zipped

DROP = "2026-11-20"
CONTENT = os.urandom(3 * PIECE + 5)
MEMBERS = {"in/1.dcm": CONTENT, "in/2.dcm": b"two", "3.dcm": b""}


class Landed:
    """A landing area with one drop."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.storage = LocalStorage(root.as_uri())
        (root / DROP).mkdir()
        self.lay("first", b"")
        with self.storage.open(f"{DROP}/first"):  # its directories stay open from now on
            pass

    def lay(self, name: str, content: bytes) -> Path:
        path = self.root / DROP / name
        path.write_bytes(content)
        return path

    def locator(self, name: str, member: str | None = None, size: int | None = None) -> Locator:
        """As the catalog has it now."""
        path = f"{DROP}/{name}"
        found = (self.root / path).stat()
        own = len(MEMBERS[member]) if member in MEMBERS else found.st_size
        known = own if size is None else size
        return Locator(file_id(DROP, path, member), DROP, path, member, known, found.st_mtime_ns, "1.2.3", "1.2", "1")

    def open(self, locator: Locator) -> Opened:
        found = open_file(self.storage, locator)
        assert isinstance(found, Opened), found
        return found

    def refused(self, locator: Locator) -> Refusal:
        found = open_file(self.storage, locator)
        assert isinstance(found, Refusal)
        return found


@pytest.fixture
def landed(tmp_path: Path) -> Landed:
    return Landed(tmp_path)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_file_is_sent_as_it_lies_there(landed: Landed) -> None:
    landed.lay("one.dcm", CONTENT)
    before = open_descriptors()
    with landed.open(landed.locator("one.dcm")) as opened:
        assert b"".join(pieces(opened)) == CONTENT
    assert open_descriptors() == before


def test_an_empty_file_is_sent_as_nothing(landed: Landed) -> None:
    landed.lay("one.dcm", b"")
    with landed.open(landed.locator("one.dcm")) as opened:
        assert list(pieces(opened)) == []


def test_a_file_that_is_gone_is_said_so(landed: Landed) -> None:
    path = landed.lay("one.dcm", CONTENT)
    locator = landed.locator("one.dcm")
    path.unlink()
    assert landed.refused(locator) == GONE
    path.mkdir()
    assert landed.refused(locator) == NOT_REGULAR


@pytest.mark.parametrize("change", [lambda p: p.write_bytes(CONTENT + b"x"), lambda p: os.utime(p, ns=(7, 7))])
def test_a_file_of_another_size_or_time_is_said_to_have_changed(
    landed: Landed, change: Callable[[Path], object]
) -> None:
    path = landed.lay("one.dcm", CONTENT)
    locator = landed.locator("one.dcm")
    before = open_descriptors()
    change(path)
    assert landed.refused(locator) == CHANGED
    assert open_descriptors() == before


def test_a_link_is_never_followed_even_to_the_very_file(landed: Landed) -> None:
    path = landed.lay("one.dcm", CONTENT)
    locator = landed.locator("one.dcm")
    path.rename(landed.root / "moved.dcm")
    path.symlink_to(landed.root / "moved.dcm")
    assert landed.refused(locator) == NOT_REGULAR


def test_a_directory_that_became_a_link_leads_nowhere(landed: Landed) -> None:
    (landed.root / DROP / "sub").mkdir()
    landed.lay("sub/one.dcm", CONTENT)
    locator = landed.locator("sub/one.dcm")
    (landed.root / DROP / "sub").rename(landed.root / "elsewhere")
    (landed.root / DROP / "sub").symlink_to(landed.root / "elsewhere")
    assert landed.refused(locator) == NOT_REGULAR


def test_the_last_piece_of_a_file_that_changes_while_it_is_sent_is_kept_back(landed: Landed) -> None:
    path = landed.lay("one.dcm", CONTENT)
    sent: list[bytes] = []

    def writing() -> None:
        for piece in pieces(opened):
            sent.append(piece)
            path.write_bytes(CONTENT[::-1])

    with landed.open(landed.locator("one.dcm")) as opened, pytest.raises(Broken):
        writing()
    assert len(b"".join(sent)) < len(CONTENT)


def test_a_file_cut_short_while_it_is_sent_is_never_sent_as_whole(landed: Landed) -> None:
    path = landed.lay("one.dcm", CONTENT)
    with landed.open(landed.locator("one.dcm")) as opened:
        sent = pieces(opened)
        next(sent)
        os.truncate(path, 10)
        with pytest.raises(Broken):
            list(sent)


def test_another_file_under_the_name_is_not_taken_for_the_one_that_is_open(landed: Landed) -> None:
    path = landed.lay("one.dcm", CONTENT)
    with landed.open(landed.locator("one.dcm")) as opened:
        path.unlink()
        path.write_bytes(CONTENT)
        assert not opened.still_same()


ARCHIVES = [
    ("deflated.zip", zipped(MEMBERS)),
    ("stored.zip", zipped(MEMBERS, zipfile.ZIP_STORED)),
    ("plain.tar", tarred(MEMBERS)),
    ("packed.tar.gz", tarred(MEMBERS, "w:gz")),
]


@pytest.mark.parametrize(("name", "content"), ARCHIVES, ids=[name for name, _ in ARCHIVES])
def test_members_are_sent_in_place(landed: Landed, name: str, content: bytes) -> None:
    landed.lay(name, content)
    before = open_descriptors()
    for member, expected in MEMBERS.items():
        with landed.open(landed.locator(name, member)) as opened:
            assert b"".join(pieces(opened)) == expected
    assert open_descriptors() == before


@pytest.mark.parametrize(("name", "content"), ARCHIVES, ids=[name for name, _ in ARCHIVES])
def test_members_of_one_archive_come_in_its_order_and_the_missing_last(
    landed: Landed, name: str, content: bytes
) -> None:
    landed.lay(name, content)
    wanted = [landed.locator(name, member) for member in ("not there", *reversed(MEMBERS))]
    found = []
    for locator, opened in open_members(landed.storage, wanted):
        body = b"".join(pieces(opened)) if isinstance(opened, Opened) else opened
        found.append((locator.member, body))
    assert found == [*MEMBERS.items(), ("not there", BROKEN)]


def test_a_member_of_another_size_has_changed(landed: Landed) -> None:
    landed.lay("a.zip", zipped(MEMBERS))
    assert landed.refused(landed.locator("a.zip", "in/2.dcm", size=4)) == CHANGED


def test_members_of_an_archive_that_was_touched_have_changed(landed: Landed) -> None:
    path = landed.lay("a.zip", zipped(MEMBERS))
    locators = [landed.locator("a.zip", member) for member in MEMBERS]
    os.utime(path, ns=(7, 7))
    assert [said for _, said in open_members(landed.storage, locators)] == [CHANGED] * 3


def test_a_member_whose_checksum_is_wrong_is_never_sent_whole(landed: Landed) -> None:
    content = zipped(MEMBERS, zipfile.ZIP_STORED)
    at = content.index(CONTENT) + 7
    landed.lay("a.zip", content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    with landed.open(landed.locator("a.zip", "in/1.dcm")) as opened, pytest.raises(Broken):
        b"".join(pieces(opened))


def test_an_archive_cut_short_says_that_it_is_broken(landed: Landed) -> None:
    landed.lay("a.zip", zipped(MEMBERS)[:-30])
    assert landed.refused(landed.locator("a.zip", "in/1.dcm")) == BROKEN


def test_an_error_of_the_storage_is_no_refusal(landed: Landed) -> None:
    class Failing(LocalStorage):
        def open(self, path: str) -> LocalSource:
            raise OSError(5, "Input/output error")

    landed.lay("one.dcm", CONTENT)
    with pytest.raises(OSError, match="Input/output"):
        open_file(Failing(landed.root.as_uri()), landed.locator("one.dcm"))


def test_a_remote_file_is_read_by_ranges_and_compared_as_well() -> None:
    remote = FsspecStorage("memory://served")
    path = f"{DROP}/one.dcm"
    remote.write_atomic(path, CONTENT)
    entry = remote.stat(path)
    assert entry is not None
    locator = Locator(file_id(DROP, path), DROP, path, None, entry.size, entry.mtime, "1.2.3", "1.2", "1")
    with open_file(remote, locator) as opened:  # type: ignore[union-attr]
        assert b"".join(pieces(opened)) == CONTENT
        assert opened.read_now(0, 10) is None, "nobody can tell what is in memory"
        assert opened.read_at(PIECE, 10) == CONTENT[PIECE : PIECE + 10]
    remote.write_atomic(path, CONTENT + b"x")
    assert open_file(remote, locator) == CHANGED
    remote.delete(path)
    assert open_file(remote, locator) == GONE
