"""Files made to hurt, in one batch between good ones: each ends in its verdict, cheaply, and the good ones are read."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dicomdex.adapters.child_limits import Limits
from dicomdex.entry import Kind, NotRegular
from dicomdex.extract.members import read_entry
from dicomdex.extract.reader import read
from dicomdex.extract.reject import REASONS
from dicomdex.manifest import ManifestEntry
from tests.factories import MemorySource, identity, image, part10, place
from tests.unit.poison import POISON

# Half of what a child lets a file take. On a quiet machine none takes 2 s; on a busy one CPU seconds stretch too (2.04
# for 150,000 elements beside a second worker), while what is quadratic took 33.
CPU_SECONDS = Limits().cpu_seconds / 2
PEAK_MB = 300
GOOD = part10(identity(), place(), image())
# What no file says by itself: the listing, a member of an archive, or the death of a child.
BY_OTHERS = {"vanished", "changed", "encrypted_member", "crashed"}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What a child said of every file, by name; a good file stands before each poisonous one."""
    landing = tmp_path_factory.mktemp("landing")
    drop = landing / "d"
    drop.mkdir()
    (drop / "good.dcm").write_bytes(GOOD)
    for poison in POISON:
        (drop / f"{poison.name}-before.dcm").write_bytes(GOOD)
        content, path = poison.make(), drop / f"{poison.name}.dcm"
        path.write_bytes(content) if isinstance(content, bytes) else content(path)
    command = [sys.executable, "-m", "tests.unit.poison_child", str(landing)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    assert done.stderr == ""
    return {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}


def test_there_are_enough_of_them_and_no_two_of_one_name() -> None:
    assert len({poison.name for poison in POISON}) == len(POISON) >= 70


@pytest.mark.parametrize("poison", POISON, ids=lambda poison: poison.name)
def test_each_ends_in_its_verdict_long_before_its_limit(poison: Any, told: dict[str, dict[str, Any]]) -> None:
    line = told[poison.name]
    assert line["verdict"] == poison.verdict, line["detail"]
    assert poison.warning is None or poison.warning in line["warnings"]
    assert line["cpu"] < CPU_SECONDS
    assert line["peak_mb"] < PEAK_MB


def test_the_files_around_them_are_read(told: dict[str, dict[str, Any]]) -> None:
    good = [line for name, line in told.items() if name.endswith("-before") or name == "good"]
    assert len(good) == len(POISON) + 1
    assert all((line["verdict"], line["warnings"]) == ("record", []) for line in good)


def test_every_reject_reason_is_that_of_a_file() -> None:
    """Those that the bytes or the name decide are among the made ones; the rest are made here or with their owners."""
    assert REASONS.keys() - {poison.verdict for poison in POISON} == BY_OTHERS


def entry(kind: Kind = "file", mtime: int = 5) -> ManifestEntry:
    return ManifestEntry("d/a.dcm", len(GOOD), mtime, kind, None, 0)


class Opening:
    """Opens the good file, or raises."""

    def __init__(self, error: OSError | None = None) -> None:
        self._error = error

    def __call__(self, wanted: ManifestEntry) -> MemorySource:
        if self._error is not None:
            raise self._error
        return MemorySource(GOOD, 5)


@pytest.mark.parametrize(
    ("wanted", "error", "reason"),
    [
        (entry(), FileNotFoundError(errno.ENOENT, "gone"), "vanished"),
        (entry(), NotRegular(errno.EINVAL, "not a regular file"), "not_regular"),
        (entry(mtime=6), None, "changed"),
        (entry("other"), OSError(errno.EIO, "never opened"), "not_regular"),
        (entry("link"), OSError(errno.EIO, "never opened"), "not_regular"),
        (entry("link_out"), OSError(errno.EIO, "never opened"), "outside_drop"),
    ],
)
def test_what_became_of_the_file_itself_is_a_reason_too(
    wanted: ManifestEntry, error: OSError | None, reason: str
) -> None:
    [found] = read_entry(wanted, Opening(error), read)
    assert (found.reading.outcome, found.reading.reason) == ("reject", reason)
