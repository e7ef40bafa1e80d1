"""Programs that a site started are known by pid and start time."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import psutil
import pytest

from dicomdex_local import pids
from dicomdex_local.pids import PidRecord

WAITS = "import sys; print('here', flush=True); sys.stdin.read()"


@contextmanager
def program(code=WAITS, **environment):
    """A program that waits until it is stopped; it has said that it runs."""
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **environment},
        text=True,
    )
    try:
        assert child.stdout.readline() == "here\n"
        yield child
    finally:
        child.kill()
        child.communicate()


def test_a_record_finds_its_program_again(tmp_path):
    with program() as child:
        PidRecord.of(child.pid).write(tmp_path / "one.json")
        assert pids.running(tmp_path / "one.json").pid == child.pid


def test_an_ended_program_is_not_running_even_as_a_zombie(tmp_path):
    with program() as child:
        PidRecord.of(child.pid).write(tmp_path / "one.json")
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert pids.running(tmp_path / "one.json") is None


def test_another_program_with_the_same_pid_is_not_ours():
    with program() as child:
        record = PidRecord.of(child.pid)
        assert PidRecord(record.pid, record.started - 60).program() is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "started": 1}'])
def test_half_a_record_is_no_record(tmp_path, content):
    (tmp_path / "one.json").write_text(content)
    assert PidRecord.read(tmp_path / "one.json") is None


def test_a_record_holds_pid_and_start_time_only(tmp_path):
    PidRecord.of(os.getpid()).write(tmp_path / "one.json")
    assert json.loads((tmp_path / "one.json").read_text()).keys() == {"pid", "started"}
    assert [path.name for path in tmp_path.iterdir()] == ["one.json"]


def test_a_program_that_ignores_term_is_killed():
    code = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITS}"
    with program(code) as child:
        pids.stop([psutil.Process(child.pid)], wait=0.5)
        assert not psutil.pid_exists(child.pid)


def test_only_programs_with_the_mark_of_this_run_directory_are_found(tmp_path):
    with program(**{pids.MARK: str(tmp_path)}) as ours, program(**{pids.MARK: "/elsewhere"}), program():
        assert [p.pid for p in pids.marked(tmp_path)] == [ours.pid]


def test_we_ourselves_are_never_found_by_the_mark(tmp_path):
    code = (
        "import sys; from pathlib import Path; from dicomdex_local import pids;"
        f"print([p.pid for p in pids.marked(Path({str(tmp_path)!r}))])"
    )
    environment = {**os.environ, pids.MARK: str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.fixture
def ctrl_c():
    """Python's own answer to Ctrl-C; a shell that starts the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_is_held_back_until_the_program_is_written_down():
    seen = []

    def start():
        with pids.undisturbed():
            signal.raise_signal(signal.SIGINT)
            seen.append("written down")

    with pytest.raises(KeyboardInterrupt):
        start()
    assert seen == ["written down"]
