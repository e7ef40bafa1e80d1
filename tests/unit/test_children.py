"""Real child programs: what a file can do to its reader, and that it costs one row and nothing else."""

from __future__ import annotations

import errno
import io
import os
import signal
import socket
import subprocess
import sys
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
import pytest

from dicomdex.adapters.child_limits import Limits
from dicomdex.adapters.children import MEMBERS_CONDEMNED, BatchChild, Children, EntryFailed, Slice
from dicomdex.adapters.running_child import RunningChild
from dicomdex.adapters.storage import storage
from dicomdex.errors import ReadingFailed
from dicomdex.extract.batch import CHUNK_ROWS, Placement
from dicomdex.extract.reader import read
from dicomdex.extract.row import ROW_SCHEMA
from dicomdex.manifest import ManifestEntry
from tests.factories import MemorySource, pydicom_files
from tests.unit.line import dicom

FATAL = (sys.executable, str(Path(__file__).with_name("fatal_child.py")))
PLACED = Placement("2026-01-01", "m1", 3, 7, "manual__1")
QUICK = Limits(cpu_seconds=1.0, memory=100 << 20)


READERS = ("dicomdex.reading_child", "fatal_child")


def reading_children() -> list[psutil.Process]:
    """Those of this program's children that read files; other tests have left others."""
    return [
        child for child in psutil.Process().children() if any(name in " ".join(child.cmdline()) for name in READERS)
    ]


def entry(path: str, size: int = 0, mtime: int = 0, **fields: Any) -> ManifestEntry:
    return ManifestEntry(path, size, mtime, fields.get("kind", "file"), fields.get("rule"), 0)


def laid(root: Path, files: dict[str, bytes]) -> Slice:
    """Write files and list them, in the order given."""
    for name, content in files.items():
        (root / name).write_bytes(content)
    listed = {found.path: found for found in storage(root.as_uri()).walk("")}
    entries = [entry(name, listed[name].size, listed[name].mtime) for name in files]
    return Slice(root.as_uri(), PLACED, entries)


def asked(root: Path, name: str) -> dict[str, Any]:
    """What a child is asked for one file."""
    found = storage(root.as_uri()).stat(name)
    assert found is not None
    entries = [(name, found.size, found.mtime, "file", None, 0)]
    return {
        "root": root.as_uri(), "placed": asdict(PLACED), "ndjson": False, "entries": entries, "skip": 0, "condemned": {}
    }  # fmt: skip


def rows(chunks: list[Any]) -> dict[str, dict[str, Any]]:
    """The rows by path; each path is there once."""
    found = [row for chunk in chunks for batch in (chunk.kept, chunk.rejects) for row in batch.to_pylist()]
    by_path = {row["path"]: row for row in found}
    assert len(by_path) == len(found)
    return by_path


def outcomes(chunks: list[Any]) -> dict[str, tuple[str, str | None]]:
    return {path: (row["outcome"], row["reason"]) for path, row in rows(chunks).items()}


RECORD = ("record", None)


@pytest.mark.parametrize(
    ("order", "reason", "said"),
    [
        (b"SPIN", "limit", "more than 1 s of CPU time"),
        (b"ABORT", "crashed", "SIGABRT"),
        (b"KILL", "limit", "killed by the system"),
        (b"RAISE", "crashed", "LookupError in fatal_child.py line"),
    ],
)
def test_a_file_that_kills_the_reader_is_tried_once_more_alone_and_costs_its_own_row_only(
    tmp_path: Path, order: bytes, reason: str, said: str
) -> None:
    wanted = laid(tmp_path, {"a": dicom("1.1"), "b": order, "c": dicom("1.2"), "d": dicom("1.3")})
    with BatchChild(QUICK, FATAL) as child:
        found = child.read(wanted)
        assert child.deaths == 2
    assert outcomes(found) == {"a": RECORD, "b": ("reject", reason), "c": RECORD, "d": RECORD}
    detail = rows(found)["b"]["detail"]
    assert said in detail
    assert "DOE" not in detail


def test_a_file_that_eats_memory_is_a_reject_and_the_child_goes_on(tmp_path: Path) -> None:
    wanted = laid(tmp_path, {"a": dicom("1.1"), "b": b"EAT", "c": dicom("1.2")})
    with BatchChild(QUICK, FATAL) as child:
        found = child.read(wanted)
    assert outcomes(found) == {"a": RECORD, "b": ("reject", "limit"), "c": RECORD}
    assert "100 MB of memory" in rows(found)["b"]["detail"]


@pytest.mark.parametrize("order", [b"ONCE", b"FULL"])
def test_a_file_that_killed_the_reader_by_chance_is_a_record_the_second_time(tmp_path: Path, order: bytes) -> None:
    preamble = order + b"\n" + bytes(tmp_path / "died") + b"\n"
    content = preamble.ljust(128, b"\0")[:128] + dicom("1.2")[128:]
    assert len(preamble) <= 128
    wanted = laid(tmp_path, {"a": dicom("1.1"), "b": content})
    with BatchChild(QUICK, FATAL) as child:
        assert outcomes(child.read(wanted)) == {"a": RECORD, "b": RECORD}
        assert child.deaths == 1


def test_a_child_reads_what_the_reader_reads(tmp_path: Path) -> None:
    """It does without numpy and pandas, and its memo lives from file to file."""
    contents = dict(enumerate(content for _, content in pydicom_files()))
    wanted = laid(tmp_path, {f"{n:03}": content for n, content in contents.items()})
    with BatchChild() as child:
        found = rows(child.read(wanted))
    for n, content in contents.items():
        alone = read(MemorySource(content))
        row = found[f"{n:03}"]
        assert (row["outcome"], row["reason"], row["header"]) == (alone.outcome, alone.reason, alone.header)
        assert {name: row[name] for name in alone.columns} == {
            name: list(value) if isinstance(value, tuple) else value for name, value in alone.columns.items()
        }


def test_rows_leave_the_child_in_chunks_so_its_memory_does_not_grow_with_the_batch(tmp_path: Path) -> None:
    """Kept to the end, 8,000 rows would take 80 MB."""
    wanted = laid(tmp_path, {f"{n:03}": dicom(f"1.{n}") for n in range(500)})
    running: list[int] = []
    with BatchChild() as child:
        for files in (2_000, 10_000):
            chunks = child.read(Slice(wanted.root, PLACED, list(wanted.entries) * (files // 500)))
            assert sum(len(chunk.kept) for chunk in chunks) == files
            running.append(reading_children()[0].memory_info().rss)
    assert running[1] - running[0] < 32 << 20


def test_several_poisons_in_one_batch_each_cost_their_row(tmp_path: Path) -> None:
    names = [f"{n:02}" for n in range(12)]
    poison = {"00": b"ABORT", "05": b"RAISE", "06": b"ABORT", "11": b"KILL"}
    wanted = laid(tmp_path, {name: poison.get(name, dicom(f"1.{int(name)}")) for name in names})
    with BatchChild(QUICK, FATAL) as child:
        found = outcomes(child.read(wanted))
    assert {name for name, outcome in found.items() if outcome != RECORD} == set(poison)
    assert set(found) == set(names)


def test_what_a_reader_prints_reaches_neither_the_rows_nor_our_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    wanted = laid(tmp_path, {"a": b"PRINT".ljust(127) + b"\n", "b": dicom("1.1")})
    with BatchChild(QUICK, FATAL) as child:
        assert outcomes(child.read(wanted)) == {"a": ("reject", "not_dicom"), "b": RECORD}
    assert capfd.readouterr() == ("", "")


def test_a_child_that_gives_no_sign_of_life_is_an_error_of_the_storage_and_no_reject(tmp_path: Path) -> None:
    wanted = laid(tmp_path, {"a": dicom("1.1"), "b": b"WAIT"})
    with BatchChild(Limits(stall=0.5), FATAL) as child, pytest.raises(EntryFailed) as failed:
        child.read(wanted)
    assert failed.value.error.errno == errno.ETIMEDOUT
    assert failed.value.path == "b"


def test_a_child_that_somebody_ends_blames_no_file(tmp_path: Path) -> None:
    wanted = laid(tmp_path, {"a": b"TERM"})
    with BatchChild(QUICK, FATAL) as child, pytest.raises(ReadingFailed, match="ended from outside"):
        child.read(wanted)


def test_a_child_that_does_not_start_says_why() -> None:
    with pytest.raises(ReadingFailed, match=r"No module named dicomdex\.nowhere"):
        RunningChild(Limits(), (sys.executable, "-m", "dicomdex.nowhere"))


def test_a_child_that_was_killed_between_two_batches_is_started_again(tmp_path: Path) -> None:
    wanted = laid(tmp_path, {"a": dicom("1.1")})
    with BatchChild() as child:
        first = outcomes(child.read(wanted))
        [running] = reading_children()
        running.send_signal(signal.SIGKILL)
        running.wait()
        assert outcomes(child.read(wanted)) == first == {"a": RECORD}


def test_an_error_of_the_storage_comes_out_with_its_number_and_its_entry(tmp_path: Path) -> None:
    wanted = laid(tmp_path, {"a": dicom("1.1"), "b": dicom("1.2")})
    unopenable = entry("x" * 300, 5, 5)  # ENAMETOOLONG: neither there nor not there
    with BatchChild() as child, pytest.raises(EntryFailed) as failed:
        child.read(Slice(wanted.root, PLACED, [wanted.entries[0], unopenable, wanted.entries[1]]))
    assert failed.value.path == unopenable.path
    assert (failed.value.error.errno, failed.value.error.strerror) == (errno.ENAMETOOLONG, "File name too long")


def test_what_is_no_regular_file_is_never_opened(tmp_path: Path) -> None:
    """A FIFO without a writer would block, and a socket or device can't be read."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "socket"))
        names = ["fifo", "zero", "loop", "socket"]
        listed = {found.path: found for found in storage(tmp_path.as_uri()).walk("")}
        honest = [entry(name, kind=listed[name].kind) for name in names]
        lied_to = [entry(name, listed[name].size, listed[name].mtime) for name in names]
        for entries in (honest, lied_to):
            with BatchChild(Limits(stall=30)) as child:
                found = outcomes(child.read(Slice(tmp_path.as_uri(), PLACED, entries)))
            reasons = {path: reason for path, (_, reason) in found.items()}
            assert set(reasons) == set(names)
            assert set(reasons.values()) <= {"not_regular", "outside_drop"}


def test_rows_of_many_chunks_come_in_order_and_by_the_schema(tmp_path: Path) -> None:
    entries = [entry(f"{n:05}", rule="dotfile") for n in range(2 * CHUNK_ROWS + 1)]
    with BatchChild() as child:
        chunks = child.read(Slice(tmp_path.as_uri(), PLACED, entries))
    table = pa.Table.from_batches([chunk.kept for chunk in chunks], schema=ROW_SCHEMA)
    assert len(chunks) == 3
    assert table["path"].to_pylist() == [one.path for one in entries]


def zipped(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def members(chunks: list[Any]) -> dict[str | None, tuple[str, str | None]]:
    """Outcome of each member of one archive; None is the archive itself."""
    found = [row for chunk in chunks for batch in (chunk.kept, chunk.rejects) for row in batch.to_pylist()]
    by_member = {row["member"]: (row["outcome"], row["reason"]) for row in found}
    assert len(by_member) == len(found)
    return by_member


def test_a_member_that_kills_the_reader_costs_that_member_only(tmp_path: Path) -> None:
    wanted = laid(tmp_path, {"a.zip": zipped({"1": dicom("1.1"), "2": b"ABORT", "3": dicom("1.3"), "4": b"SPIN"})})
    with BatchChild(QUICK, FATAL) as child:
        found = members(child.read(wanted))
        assert child.deaths == 4
    expected = {None: ("container", None), "1": RECORD, "2": ("reject", "crashed"), "3": RECORD}
    assert found == expected | {"4": ("reject", "limit")}


def test_members_that_were_sent_before_a_death_come_once(tmp_path: Path) -> None:
    ignored = {f"{n:05}.tmp": b"" for n in range(CHUNK_ROWS + 5)}
    wanted = laid(tmp_path, {"a.zip": zipped({**ignored, "x": b"ABORT", "y": dicom("1.1")})})
    with BatchChild(QUICK, FATAL) as child:
        found = members(child.read(wanted))
    assert len(found) == 1 + len(ignored) + 2
    assert (found["x"], found["y"]) == (("reject", "crashed"), RECORD)


def test_an_archive_of_nothing_but_poison_is_a_reject_as_a_whole(tmp_path: Path) -> None:
    archive = zipped({f"{n:02}": b"ABORT" for n in range(MEMBERS_CONDEMNED + 3)})
    wanted = laid(tmp_path, {"a": dicom("1.1"), "b.zip": archive, "c": dicom("1.2")})
    with BatchChild(QUICK, FATAL) as child:
        assert outcomes(child.read(wanted)) == {"a": RECORD, "b.zip": ("reject", "crashed"), "c": RECORD}


def test_several_children_give_the_slices_in_their_order(tmp_path: Path) -> None:
    wanted = laid(tmp_path, {f"{n:02}": b"ABORT" if n == 3 else dicom(f"1.{n}") for n in range(20)})
    slices = [Slice(wanted.root, PLACED, wanted.entries[n : n + 2]) for n in range(0, 20, 2)]
    with Children(2, QUICK, FATAL) as children:
        found = list(children.read(slices))
    assert [sorted(outcomes(chunks)) for chunks in found] == [[e.path for e in one.entries] for one in slices]
    assert [path for chunks in found for path, outcome in outcomes(chunks).items() if outcome != RECORD] == ["03"]


def test_after_an_error_in_one_of_several_children_none_is_left(tmp_path: Path) -> None:
    wanted = laid(tmp_path, {"a": b"SPIN", "b": dicom("1.1")})
    slices = [Slice(wanted.root, PLACED, [wanted.entries[0]]), Slice(wanted.root, PLACED, [entry("x" * 300, 5, 5)])]
    with pytest.raises(EntryFailed), Children(2, Limits(), FATAL) as children:
        list(children.read(reversed(slices)))
    assert reading_children() == []


PARENT = """
import sys
import zipfile
from dataclasses import asdict
from pathlib import Path
from dicomdex.adapters.child_limits import Limits
from dicomdex.adapters.running_child import RunningChild
from tests.unit.test_children import FATAL, asked
child = RunningChild(Limits(cpu_seconds=600), FATAL)
child.ask(asked(Path(sys.argv[1]), "a"))
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_kill_9_of_the_parent_leaves_no_child_not_even_one_that_spins(tmp_path: Path) -> None:
    laid(tmp_path, {"a": b"SPIN"})
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    psutil.wait_procs([child], timeout=30)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_nothing_of_a_drop_is_in_the_arguments_of_a_child(tmp_path: Path) -> None:
    laid(tmp_path, {"DOE^JANE": b"WAIT"})
    child = RunningChild(Limits(), FATAL)
    child.ask(asked(tmp_path, "DOE^JANE"))
    assert psutil.Process(child.pid).cmdline() == list(FATAL)
    child.close()


def test_a_module_beside_the_files_is_never_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`dicomdex extract .` is started in the directory that holds the files, and those come from anybody."""
    (tmp_path / "orjson.py").write_text("raise SystemExit('imported')")
    (tmp_path / "dicomdex.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    wanted = laid(tmp_path, {"a": dicom("1.1")})
    with BatchChild() as child:
        assert outcomes(child.read(wanted)) == {"a": RECORD}
