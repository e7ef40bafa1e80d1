"""The access trail: whole, or it says where not."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from dicomdex.errors import SettingsError
from dicomdex_web.session import Person, Role
from dicomdex_web.trail import IDS_MAX, Trail, verify

KEY = b"key"
ANNA = Person("anna", Role.user)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A trail of five lines."""
    path = tmp_path / "web" / "trail.jsonl"
    trail = Trail(path, KEY)
    for number in range(5):
        trail.add(ANNA, "view", "ok", [f"1.2.{number}!study"], "127.0.0.1")
    trail.close()
    return path


def test_a_trail_as_it_was_written_is_whole(path: Path) -> None:
    found = verify(path, KEY)
    assert (found.lines, found.wrong) == (5, "")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_changed_value_is_found(path: Path) -> None:
    path.write_text(path.read_text().replace("1.2.2!study", "1.2.9!study"))
    found = verify(path, KEY)
    assert (found.lines, "line 3" in found.wrong) == (2, True)


@pytest.mark.parametrize("lost", [0, 2])
def test_a_line_that_was_taken_out_is_missed(path: Path, lost: int) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:lost] + lines[lost + 1 :]))
    assert "gone" in verify(path, KEY).wrong


@pytest.mark.parametrize("left", [0, 4])
def test_lines_cut_off_at_the_end_are_missed(path: Path, left: int) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:left]))
    assert f"{5 - left} lines are missing at the end" in verify(path, KEY).wrong


def test_lines_cut_off_are_missed_with_a_head_made_of_what_is_left(path: Path) -> None:
    lines = path.read_text().splitlines(keepends=True)[:3]
    path.write_text("".join(lines))
    head, last = path.with_name("trail.jsonl.head"), json.loads(lines[-1])
    proof = head.read_text().split()[2]
    head.write_text(f"{3:020} {last['chain']} {proof}\n")
    assert verify(path, KEY).wrong == "its head is not as it was written"
    head.unlink()
    assert verify(path, KEY).wrong == "its head is not as it was written"


def test_lines_that_were_cut_off_are_missed_after_a_restart_too(path: Path) -> None:
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:3]))
    again = Trail(path, KEY)
    again.add(ANNA, "view", "ok", [], "")
    again.close()
    found = verify(path, KEY)
    assert (found.lines, "line 4" in found.wrong) == (3, True)


def test_a_trail_that_is_written_meanwhile_is_whole(path: Path) -> None:
    trail = Trail(path, KEY)
    head = path.with_name("trail.jsonl.head")
    before = head.read_bytes()
    trail.add(ANNA, "view", "ok", [], "")
    head.write_bytes(before)  # as it is between a line and its head
    assert (verify(path, KEY).lines, verify(path, KEY).wrong) == (6, "")
    trail.close()


def test_lines_that_change_places_are_found(path: Path) -> None:
    one, two, *others = path.read_text().splitlines(keepends=True)
    path.write_text("".join([two, one, *others]))
    assert verify(path, KEY).lines == 0


def test_a_trail_that_was_removed_is_missed(path: Path) -> None:
    path.unlink()
    assert verify(path, KEY).wrong == "5 lines are missing at the end"


def test_without_a_line_there_is_nothing_wrong(tmp_path: Path) -> None:
    assert verify(tmp_path / "trail.jsonl", KEY).wrong == ""


def test_without_the_key_nobody_can_go_on_with_it(path: Path) -> None:
    forged = Trail(path, b"another key")
    forged.add(ANNA, "view", "ok", [], "")
    forged.close()
    assert verify(path, KEY).lines == 5
    assert "line 6" in verify(path, KEY).wrong


def test_a_trail_goes_on_after_a_restart(path: Path) -> None:
    again = Trail(path, KEY)
    again.add(ANNA, "download", "ok", ["f1"], "127.0.0.1")
    again.close()
    assert (verify(path, KEY).lines, verify(path, KEY).wrong) == (6, "")


def test_half_a_line_of_a_crash_is_ended_and_seen(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"action":"view","addr')
    again = Trail(path, KEY)
    again.add(ANNA, "view", "ok", [], "")
    again.close()
    found = verify(path, KEY)
    assert (found.lines, "line 6" in found.wrong) == (5, True)
    assert path.read_bytes().startswith(whole)
    assert json.loads(path.read_bytes().splitlines()[-1])["seq"] == 6


def test_two_programs_never_write_one_trail(path: Path) -> None:
    first = Trail(path, KEY)
    with pytest.raises(SettingsError, match="another page"):
        Trail(path, KEY)
    first.close()


def test_of_many_ids_the_number_is_kept(path: Path) -> None:
    trail = Trail(path, KEY)
    trail.add("", "export", "ok", [str(number) for number in range(IDS_MAX + 7)], "")
    trail.close()
    assert f'"ids_in_all":{IDS_MAX + 7}' in path.read_text().splitlines()[-1]
    assert verify(path, KEY).wrong == ""
