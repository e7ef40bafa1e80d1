"""The commands `extract` and `header` as they are typed: files, exit codes, and what is on which output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest

from dicomdex import steps
from dicomdex.cli_output import LINES, SUMMARY, TABLE
from dicomdex.entry import unescape
from dicomdex.extract.row import FILES_SCHEMA
from tests.factories import PYDICOM_FILES, pydicom_file
from tests.unit.line import DAY, Line, dicom

COMMAND = [sys.executable, "-c", "from dicomdex.cli import main; main()"]
Ended = subprocess.CompletedProcess[bytes]


def run(*arguments: str | Path, sent: bytes | None = None, cwd: Path | None = None) -> Ended:
    return subprocess.run([*COMMAND, *map(str, arguments)], input=sent, capture_output=True, cwd=cwd, timeout=300)


def extract(*arguments: str | Path, code: int = 0, cwd: Path | None = None) -> Ended:
    ended = run("extract", *arguments, "--children", "1", cwd=cwd)
    assert ended.returncode == code, ended
    return ended


def table(out: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(out / TABLE).to_pylist()
    return rows


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / LINES).read_text(encoding="utf-8").splitlines()]


def lay(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A directory of everything: records, a copy, a conflict, rejects, ignored names, and what is no file."""
    files = {
        "a/1.dcm": dicom("1.1"),
        "a/2.dcm": dicom("1.2"),
        "b/1 again.dcm": dicom("1.1"),
        "b/2 otherwise.dcm": dicom("1.2", pixels=b"\xff" * 8),
        "text.txt": b"Dear Sirs, " * 50,
        "empty.dcm": b"",
        "cut.dcm": dicom("1.3")[:-3],
        ".hidden": b"x",
        "x.tmp": b"x",
    }
    root = lay(tmp_path / "in", files)
    os.mkfifo(root / "pipe")
    (root / "link.dcm").symlink_to("a/1.dcm")
    (root / "out.dcm").symlink_to("/etc/hostname")
    return root


LINE = "13 files = 2 indexed + 1 duplicate + 1 conflict + 6 rejected"


def test_every_file_has_one_row_and_the_ledger_is_that_of_a_drop(mixed: Path, tmp_path: Path) -> None:
    (mixed / "DOE.dcm").write_bytes(b"")
    ended = extract(mixed, "--out", tmp_path / "out", "--json")
    told = json.loads(ended.stdout)
    rows = table(tmp_path / "out")
    assert sorted(row["path"] for row in rows) == sorted(
        str(Path(directory) / name) for directory, _, names in os.walk(mixed) for name in names
    )
    line = Line(tmp_path)
    mixed.rename(line.landing / DAY)
    (line.landing / DAY / "_SUCCESS").touch()
    line.ingest(DAY)
    dropped = steps.ledger(line.settings, DAY)
    dropped["listed"] -= dropped["ignored"].pop("marker")
    same = ("listed", "indexed", "duplicate", "conflict", "rejected", "ignored", "removed")
    assert told["ledger"] == {name: dropped[name] for name in same}


def test_the_table_has_the_columns_of_the_catalog_and_paths_that_find_the_file_again(tmp_path: Path) -> None:
    names = [b"a b.dcm", b"\xff.dcm", b"a\nb.dcm", b"100%.dcm", "é/ü.dcm".encode()]
    for number, name in enumerate(names):
        path = Path(os.fsdecode(os.fsencode(tmp_path / "in") + b"/" + name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(dicom(f"1.{number}"))
    extract("in", "--out", "out", cwd=tmp_path)
    found = pq.read_table(tmp_path / "out" / TABLE)
    assert found.schema.equals(FILES_SCHEMA)
    assert found["outcome"].to_pylist() == ["record"] * len(names)
    for row in found.to_pylist():
        content = Path(os.fsdecode(unescape(row["path"]))).read_bytes()
        assert content == dicom(row["sop_instance_uid"])


def test_a_line_of_ndjson_is_a_row_of_the_table(mixed: Path, tmp_path: Path) -> None:
    extract(mixed, mixed / "x.tmp", "--out", tmp_path / "out", "--ndjson")
    by_path = {row["path"]: row for row in table(tmp_path / "out")}
    told = lines(tmp_path / "out")
    assert {line["path"] for line in told} == set(by_path)
    assert len(told) == len(by_path) == 12
    for line in told:
        row = by_path[line["path"]]
        assert list(line) == FILES_SCHEMA.names
        assert line["header"] == (row["header"] and json.loads(row["header"]))
        for name in ("member", "size", "outcome", "reason", "warnings", "parser", "sop_instance_uid", "frame_offsets"):
            assert line[name] == row[name]


def test_rejects_cost_the_exit_code_only_when_asked(mixed: Path, tmp_path: Path) -> None:
    extract(mixed, "--out", tmp_path / "out")
    extract(mixed, "--out", tmp_path / "out", "--strict", code=3)
    extract(mixed / "a", "--out", tmp_path / "fine", "--strict")


def test_without_a_terminal_the_ledger_is_a_line_on_standard_output(mixed: Path, tmp_path: Path) -> None:
    ended = extract(mixed, "--out", tmp_path / "out")
    first = ended.stdout.decode().splitlines()[0].strip()
    assert first == (
        "12 files = 2 indexed + 1 duplicate + 1 conflict"
        " + 6 rejected (2 not_regular, 1 empty, 1 not_dicom, 1 outside_drop, 1 truncated)"
        " + 2 ignored (1 dotfile, 1 temporary)"
    )
    assert str(tmp_path / "out" / TABLE) in ended.stdout.decode()


def test_what_is_named_on_the_command_line_is_read_once_whatever_its_name(tmp_path: Path) -> None:
    root = lay(tmp_path / "in", {".a": dicom("1.1"), "b.tmp": dicom("1.2"), "c": dicom("1.3")})
    (root / "link").symlink_to("c")
    (tmp_path / "to in").symlink_to("in")
    extract(root / ".a", root / "b.tmp", root / "link", root, tmp_path / "to in", "--out", tmp_path / "out")
    found = {Path(row["path"]).name: (row["outcome"], row["reason"]) for row in table(tmp_path / "out")}
    record = ("record", None)
    assert found == {".a": record, "b.tmp": record, "c": record, "link": ("reject", "not_regular")}
    assert len(table(tmp_path / "out")) == 4


def test_running_it_again_replaces_what_it_wrote_and_nothing_else(tmp_path: Path) -> None:
    root, out = lay(tmp_path / "in", {"a": dicom("1.1")}), tmp_path / "in" / "out"
    extract(root, "--out", out, "--ndjson")
    (root / "b").write_bytes(dicom("1.2"))
    ended = extract(root, "--out", out)
    assert b"replaces 1 rows in " in ended.stderr
    assert sorted(Path(row["path"]).name for row in table(out)) == ["a", "b"]
    assert sorted(path.name for path in out.iterdir()) == [SUMMARY, TABLE]
    (out / "mine.txt").touch()
    before = (out / TABLE).read_bytes()
    refused = extract(root, "--out", out, code=1)
    assert refused.stderr.decode().splitlines() == [
        f"dicomdex: {out} holds mine.txt, which extract did not write: choose an empty directory"
    ]
    assert (out / TABLE).read_bytes() == before


def test_a_table_of_the_same_name_that_is_not_ours_is_not_replaced(tmp_path: Path) -> None:
    out = lay(tmp_path / "out", {TABLE: b"mine"})
    extract(lay(tmp_path / "in", {"a": dicom("1.1")}), "--out", out, code=1)
    assert (out / TABLE).read_bytes() == b"mine"


def test_a_run_that_was_interrupted_leaves_the_directory_usable(tmp_path: Path) -> None:
    out = lay(tmp_path / "out", {f".{TABLE}.part": b"half", f".{LINES}.part": b"half"})
    extract(lay(tmp_path / "in", {"a": dicom("1.1")}), "--out", out)
    assert sorted(path.name for path in out.iterdir()) == [SUMMARY, TABLE]


@pytest.mark.parametrize("arguments", [["nowhere"], ["in", "nowhere"], ["in/a/below"]])
def test_a_path_that_is_not_there_is_named_and_nothing_is_written(tmp_path: Path, arguments: list[str]) -> None:
    lay(tmp_path / "in", {"a": dicom("1.1")})
    ended = extract(*arguments, "--out", "out", code=1, cwd=tmp_path)
    [said] = ended.stderr.decode().splitlines()
    assert said.startswith(f"dicomdex: {arguments[-1]} can't be read: ")
    assert not (tmp_path / "out").exists()


def test_a_directory_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    """Its path is longer than the system's 4,096 bytes, so that not even root can list it by name."""
    inner = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=inner)
        inner, outer = os.open("d" * 250, os.O_RDONLY, dir_fd=inner), inner
        os.close(outer)
    os.close(inner)
    ended = extract(tmp_path, "--out", tmp_path / "out", code=1)
    [said] = ended.stderr.decode().splitlines()
    assert said.startswith(f"dicomdex: {tmp_path}/ddd")
    assert said.endswith("can't be read: File name too long")


def test_an_empty_directory_gives_an_empty_table(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    ended = extract(tmp_path / "in", "--out", tmp_path / "out", "--ndjson")
    assert ended.stdout.decode().splitlines()[0].strip() == "0 files"
    assert table(tmp_path / "out") == lines(tmp_path / "out") == []


def test_several_children_give_the_same_table_as_one(tmp_path: Path) -> None:
    def told(children: str) -> list[dict[str, Any]]:
        out = tmp_path / children
        ended = run("extract", PYDICOM_FILES / "test_files", "--out", out, "--children", children)
        assert ended.returncode == 0
        return [{**row, "extracted_at": None} for row in table(out)]

    assert told("2") == told("1")


def test_no_child_is_left_when_the_command_is_interrupted(tmp_path: Path) -> None:
    root = lay(tmp_path / "in", {f"{n:04}": dicom(f"1.{n}") for n in range(3_000)})
    command = [*COMMAND, "extract", str(root), "--out", str(tmp_path / "out")]
    ended = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running = psutil.Process(ended.pid)
    while not (children := running.children()):
        assert ended.poll() is None
    ended.send_signal(2)
    _, said = ended.communicate(timeout=60)
    assert ended.returncode == 130
    assert b"run the same command again" in said
    _, alive = psutil.wait_procs(children, timeout=30)
    assert alive == []
    assert not (tmp_path / "out" / TABLE).exists()


def test_header_prints_the_dicom_json_and_nothing_else() -> None:
    ended = run("header", PYDICOM_FILES / "test_files" / "CT_small.dcm")
    assert (ended.returncode, ended.stderr) == (0, b"")
    [line] = ended.stdout.splitlines()
    told = json.loads(line)
    assert told["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "CompressedSamples^CT1"}]}
    assert run("header", "-", sent=pydicom_file("CT_small.dcm")).stdout == ended.stdout


def test_header_of_standard_input_redirected_from_a_file_is_that_of_the_file() -> None:
    path = PYDICOM_FILES / "test_files" / "MR_small.dcm"
    with path.open("rb") as opened:
        ended = subprocess.run([*COMMAND, "header", "-"], stdin=opened, capture_output=True, timeout=60)
    assert ended.stdout == run("header", path).stdout


@pytest.mark.parametrize(
    ("name", "reason"), [("MR_truncated.dcm", "truncated"), ("DICOMDIR", "dicomdir"), ("README.txt", "not_dicom")]
)
def test_header_of_what_is_no_record_is_a_line_with_the_reason(name: str, reason: str) -> None:
    found = sorted((PYDICOM_FILES / "test_files").rglob(name))[0]
    ended = run("header", found)
    assert (ended.returncode, ended.stdout) == (4, b"")
    [said] = ended.stderr.decode().splitlines()
    assert said.startswith(f"dicomdex: {reason}: ")


def test_header_of_a_fifo_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    ended = run("header", tmp_path / "pipe")
    assert (ended.returncode, ended.stderr) == (4, b"dicomdex: not_regular: The entry is no regular file.\n")


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_header_of_what_cannot_be_read_is_one_line_and_exit_code_1(tmp_path: Path, name: str) -> None:
    ended = run("header", name, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (1, b"")
    [said] = ended.stderr.decode().splitlines()
    assert said.startswith(f"dicomdex: {name} can't be read: ")


@pytest.mark.parametrize("command", ["extract", "header"])
def test_the_help_tells_the_exit_codes(command: str) -> None:
    assert b"Exit codes: 0" in run(command, "--help").stdout
