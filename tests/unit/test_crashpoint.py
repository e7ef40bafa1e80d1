"""Crash points kill where they are asked to, and nowhere else."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dicomdex.crashpoint import VARIABLE

PROGRAM = "from dicomdex.crashpoint import crashpoint; crashpoint('commit-renamed'); print('on')"


def ended(asked: str) -> int:
    """How a program ends that comes to the point `commit-renamed`."""
    return subprocess.run([sys.executable, "-c", PROGRAM], env={VARIABLE: asked}, check=False).returncode


@pytest.mark.parametrize("asked", ["", "commit-committed", "commit"])
def test_a_program_goes_on_past_points_that_nobody_named(asked: str) -> None:
    assert ended(asked) == 0


def test_a_program_is_killed_at_its_point_each_time_or_once_while_a_file_is_there(tmp_path: Path) -> None:
    armed = tmp_path / "armed"
    assert ended("commit-renamed") == -signal.SIGKILL
    assert ended(f"commit-renamed@{armed}") == 0
    armed.touch()
    assert ended(f"commit-committed@{armed}") == 0
    assert [ended(f"commit-renamed@{armed}") for _ in range(2)] == [-signal.SIGKILL, 0]
