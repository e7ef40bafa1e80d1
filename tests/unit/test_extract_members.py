"""An entry and its members: what is opened and when, what a change costs, what a bomb costs."""

from __future__ import annotations

import errno
import gzip
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from dicomdex.entry import NotRegular
from dicomdex.extract.archive import MEMBERS
from dicomdex.extract.members import member_digests, open_member, read_entry
from dicomdex.extract.reader import read
from dicomdex.extract.reading import Reading
from dicomdex.extract.reject import Rejected
from tests.factories import MemorySource
from tests.unit.made_archives import (
    MTIME,
    WHOLE,
    found_in,
    hand_zip,
    listed,
    never,
    tar_header,
    tarred,
    told,
    whole,
    zipped,
)

FORMS: dict[str, Callable[..., bytes]] = {
    "x.zip": zipped,
    "x.tar": tarred,
    "x.tgz": lambda files: tarred(files, "w:gz"),
}
THREE = {"1.dcm": WHOLE, "2.dcm": WHOLE, "3.dcm": WHOLE}


class Opener:
    """Opens the same bytes again and again; after `good` openings it raises, or shows another mtime."""

    def __init__(self, content: bytes, good: int = 99, then: OSError | int = 6) -> None:
        self.left = good
        self._content = content
        self._then = then

    def __call__(self, _entry: object) -> MemorySource:
        self.left -= 1
        if self.left >= 0:
            return MemorySource(self._content, MTIME)
        if isinstance(self._then, OSError):
            raise self._then
        return MemorySource(self._content, self._then)


@pytest.mark.parametrize("name", FORMS)
def test_real_instances_are_read_out_of_an_archive_as_from_files(name: str) -> None:
    found = found_in(name, FORMS[name]({"a.dcm": WHOLE, "b.txt": b"text", "c.dcm": WHOLE[:-1], "d.dcm": b""}), read)
    assert told(found) == [
        (None, "container", None),
        ("a.dcm", "record", None),
        ("b.txt", "reject", "not_dicom"),
        ("c.dcm", "reject", "truncated"),
        ("d.dcm", "reject", "empty"),
    ]
    assert found[1].reading == read(MemorySource(WHOLE))


@pytest.mark.parametrize("name", FORMS)
def test_a_member_is_read_only_when_it_is_asked_for(name: str) -> None:
    content, seen = FORMS[name](THREE), []
    entry = listed(name, len(content))

    def noted(source):
        seen.append(source.size)
        return whole(source)

    rows = read_entry(entry, Opener(content), noted)
    counts = []
    for _ in rows:
        counts.append(len(seen))
    assert counts == [0, 1, 2, 3]


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize(
    ("then", "reason"),
    [
        (6, "changed"),
        (FileNotFoundError(errno.ENOENT, "gone"), "vanished"),
        (NotADirectoryError(errno.ENOTDIR, "gone"), "vanished"),
        (NotRegular(errno.EINVAL, "no file"), "not_regular"),
    ],
)
def test_a_change_under_way_costs_the_members_that_were_not_read_before(
    name: str, then: OSError | int, reason: str
) -> None:
    content = FORMS[name](THREE)
    entry = listed(name, len(content))
    verdicts = [
        [one.reading.reason for one in read_entry(entry, Opener(content, good, then), whole)] for good in range(6)
    ]
    assert verdicts[:2] == [[reason], [reason]]  # at the first opening, and before the members
    assert verdicts[2:] == [[None] * (good + 1) + [reason] * (3 - good) for good in range(4)]


def test_a_storage_error_while_a_member_is_read_is_raised() -> None:
    content = zipped(THREE)
    rows = read_entry(listed("x.zip", len(content)), Opener(content, 3, OSError(errno.EIO, "storage")), whole)
    assert [next(rows).member, next(rows).member] == [None, "1.dcm"]
    with pytest.raises(OSError, match="storage"):
        next(rows)


def test_condemned_members_are_rejected_unread_by_their_number() -> None:
    content = zipped({".hidden": b"", **THREE})
    assert told(found_in("x.zip", content, whole, {1: "crashed", 3: "limit", 0: "limit"}))[1:] == [
        (".hidden", "ignored", "dotfile"),
        ("1.dcm", "reject", "crashed"),
        ("2.dcm", "record", None),
        ("3.dcm", "reject", "limit"),
    ]


def test_an_archive_inside_an_archive_is_not_opened() -> None:
    inner = {f"{n}{name}": made({"a.dcm": WHOLE}) for n, (name, made) in enumerate(FORMS.items())}
    inner |= {"c.gz": gzip.compress(WHOLE), "named.zip": WHOLE, "d.zip.dcm": WHOLE}
    for name, made in FORMS.items():
        found = found_in(name, made(inner), whole)
        assert [one[2] for one in told(found)] == [None, *["limit"] * 4, None, None]
        assert "nesting" in (found[1].reading.detail or "")


def test_a_broken_stream_is_told_whatever_the_reader_made_of_it() -> None:
    def forgiving(source):
        try:
            source.read_at(0, 1 << 20)
        except Exception:  # noqa: BLE001
            return Reading("record")
        raise AssertionError("a cut stream was read to its end")

    content = hand_zip(bytes(range(256)) * 400, size=200_000)
    assert told(found_in("x.zip", content, forgiving))[1] == ("a.dcm", "reject", "truncated")


@pytest.mark.parametrize("name", [*FORMS, "a.dcm.gz"])
def test_every_cut_of_an_archive_ends_in_typed_rows_and_no_record_that_is_not_there(name: str) -> None:
    content = gzip.compress(WHOLE) if name == "a.dcm.gz" else FORMS[name](THREE)
    complete = told(found_in(name, content, whole))
    for cut in random.Random(7).sample(range(len(content)), 200):
        rows = told(found_in(name, content[:cut], whole))
        # Cut inside its first header, a tar in gzip is a gzip file of something else.
        assert set(rows[1:]) <= {*complete, *((row[0], "reject", "truncated") for row in [*complete, ("x.tar",)])}
        lost = rows[0][1] == "reject" or any(row[2] == "truncated" for row in rows)
        assert lost or len(content) - cut < 10_240  # or only the zeros behind a tar's end mark were cut off


@pytest.mark.parametrize("name", [*FORMS, "a.dcm.gz"])
def test_every_flipped_byte_ends_in_typed_rows(name: str) -> None:
    content = gzip.compress(WHOLE) if name == "a.dcm.gz" else FORMS[name](THREE)
    chance = random.Random(11)
    for _ in range(300):
        flipped = bytearray(content)
        for _ in range(3):
            flipped[chance.randrange(len(content))] = chance.randrange(256)
        rows = told(found_in(name, bytes(flipped), whole))
        assert [row for row in rows if row[2] == "crashed"] == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.zip", hand_zip(WHOLE, copies=MEMBERS + 2)),
        ("x.tar", tar_header("a.dcm") * (MEMBERS + 2) + bytes(1024)),
    ],
)
def test_members_beyond_the_limit_are_counted_by_the_archives_own_row(name: str, content: bytes) -> None:
    found = found_in(name, content, lambda _: Reading("reject", "empty"))
    assert told(found[:1]) == [(None, "reject", "limit")]
    assert "65,535 members have rows" in (found[0].reading.detail or "")
    assert len({one.member for one in found}) == len(found) == MEMBERS + 1


def test_digests_are_those_of_the_members_bytes_and_prove_their_checksum() -> None:
    content = zipped({"a": WHOLE, "b": b"other", "c": WHOLE})
    found = member_digests("x.zip", MemorySource(content), {"a", "c", "no"})
    assert found["a"] == found["c"]
    assert (len(found), found["a"][0]) == (2, len(WHOLE))
    for name, made in FORMS.items():
        assert member_digests(name, MemorySource(made({"a": WHOLE})), {"a"}) == {"a": found["a"]}
    damaged = bytearray(zipped({"a": WHOLE}, zipfile.ZIP_STORED))
    damaged[20_000] ^= 1
    assert member_digests("x.zip", MemorySource(bytes(damaged)), {"a"}) == {}
    assert member_digests("x.zip", MemorySource(b"PK\3\4"), {"a"}) == {}
    assert member_digests("x.zip", MemorySource(WHOLE), {"a"}) == {}


@pytest.mark.parametrize("name", FORMS)
def test_a_member_is_opened_by_its_name(name: str) -> None:
    files = [("a", b"first"), ("b" * 200, WHOLE), ("a", b"second"), ("zeros", bytes(3 << 20)), ("last", WHOLE)]
    archive = MemorySource(FORMS[name](files), MTIME)
    names = [found.member for found in read_entry(listed(name, archive.size), lambda _: archive, whole)][1:]
    for member, (_, content) in zip(names, files, strict=True):
        opened = open_member(name, archive, member or "")
        assert opened.size == len(content)
        assert opened.read_at(0, 3) + opened.read_at(3, opened.size) == content


def test_the_member_of_a_gzip_file_is_opened_by_its_name() -> None:
    assert open_member("d/x.dcm.gz", MemorySource(gzip.compress(WHOLE)), "x.dcm").read_at(0, 1 << 20) == WHOLE


def test_a_member_that_is_not_there_or_can_not_be_read_is_rejected_when_it_is_opened() -> None:
    def reason(name: str, content: bytes, member: str) -> str:
        with pytest.raises(Rejected) as rejected:
            open_member(name, MemorySource(content), member)
        return rejected.value.reject.reason

    for name, made in FORMS.items():
        assert reason(name, made(THREE), "4.dcm") == "vanished"
    assert reason("x.dcm", WHOLE, "x.dcm") == "vanished"
    assert reason("x.zip", hand_zip(WHOLE, flags=1), "a.dcm") == "encrypted_member"
    assert reason("x.zip", zipped(THREE)[:-30], "1.dcm") == "truncated"
    assert reason("x.tar", tarred(THREE)[:30_000], "2.dcm") == "truncated"


MEASURED = """
import gzip, time, zlib
from dicomdex.extract.reader import read
from tests.factories import identity, image, part10, place
from tests.unit.made_archives import found_in, hand_zip, tarred, told

def peak():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])

for pixels in (bytes(range(256)) * (200 << 12), bytes(200 << 20)):
    member = part10(identity(), place(), image(20480, 5120, pixels=pixels))
    level = 1 if any(pixels[:256]) else 9
    made = {"x.zip": hand_zip(member, level=level), "a.dcm.gz": gzip.compress(member, level)}
    made["x.tgz"] = tarred({"a.dcm": member}, "w:gz", compresslevel=level)
    del member
    for name, content in made.items():
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        low, begun = peak(), time.process_time()
        rows = told(found_in(name, content, read))
        print(rows[-1][1], rows[-1][2], (peak() - low) // 1024 < 16, time.process_time() - begun < 2)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_a_member_of_200_mb_costs_a_few_megabytes_and_a_bomb_of_200_kb_no_more() -> None:
    root = Path(__file__).parents[2]
    said = subprocess.run([sys.executable, "-c", MEASURED], check=True, capture_output=True, text=True, cwd=root).stdout
    assert said.splitlines() == ["record None True True"] * 3 + ["reject limit True True"] * 3


def test_what_is_not_to_be_opened_is_not() -> None:
    content = zipped(THREE)
    for kind, rule, verdict in (
        ("file", "temporary", ("ignored", "temporary")),
        ("link", None, ("reject", "not_regular")),
        ("other", None, ("reject", "not_regular")),
        ("link_out", None, ("reject", "outside_drop")),
    ):
        entry = listed("x.zip", len(content))
        entry = type(entry)(entry.path, entry.size, entry.mtime, kind, rule, 0)
        assert told(read_entry(entry, never, never)) == [(None, *verdict)]
