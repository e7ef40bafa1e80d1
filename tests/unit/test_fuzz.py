"""A few seconds of the fuzzing that `make fuzz` does for minutes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def test_a_few_seconds_of_fuzzing_find_nothing(tmp_path: Path) -> None:
    folders = ["--corpus", str(tmp_path / "corpus"), "--found", str(tmp_path / "found")]
    command = [sys.executable, "-m", "tests.fuzz.headers", "--minutes", "0.1", *folders]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr[-2000:]
    runs = re.search(r"number_of_executed_units:\s+(\d+)", done.stderr)
    assert runs
    assert int(runs[1]) > 100
    assert list((tmp_path / "found").iterdir()) == []
