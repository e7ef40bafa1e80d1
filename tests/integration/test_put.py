"""`dicomdex put`: whole, verified, marker last, interrupted anywhere and gone on with, to disks and an object store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dicomdex import steps
from dicomdex.adapters.storage import Storage, storage
from dicomdex.settings import Settings
from tests.integration.s3 import BUCKET, ENVIRONMENT, SECRET, Store

KEY = "2026-11-21"
PROGRAM = str(Path(sys.executable).with_name("dicomdex"))
FILES = {f"s{number % 3}/{number}.dcm": bytes([number]) * (1000 + number) for number in range(12)}
BIG = 20 << 20  # more than one part of an upload
PART = ".0123456789abcdef.part"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory with a link, a marker of its own, odd names and an empty file."""
    directory = tmp_path / "source"
    for name, content in {**FILES, "s0/é %.dcm": b"1", "s0/empty": b"", "_SUCCESS": b"of the source"}.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    (directory / "link").symlink_to("s0")
    return directory


class Area:
    """A landing area and the environment in which `dicomdex put` finds it."""

    def __init__(self, url: str, **environment: str) -> None:
        self.url = url
        self.environment = {"DICOMDEX_LANDING": url, **environment}

    @property
    def storage(self) -> Storage:
        """The same, looked at from here."""
        return storage(self.url)

    def put(self, source: Path, *options: str, key: str = KEY, crash: str = "") -> subprocess.CompletedProcess[str]:
        """Run the command."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DICOMDEX_", "AWS_"))}
        crashing = {"DICOMDEX_CRASHPOINT": crash} if crash else {}
        return subprocess.run(
            [PROGRAM, "put", str(source), key, *options],
            env={**kept, **self.environment, **crashing},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def files(self, key: str = KEY) -> dict[str, bytes]:
        """What the drop holds."""
        there = self.storage
        try:
            listed = list(there.walk(key))
        except FileNotFoundError:
            return {}
        return {entry.path.removeprefix(f"{key}/"): there.read_bytes(entry.path) for entry in listed}


@pytest.fixture(params=["disk", "hdfs", "object store"])
def area(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Area:
    if request.param == "disk":
        (tmp_path / "landing").mkdir()
        return Area((tmp_path / "landing").as_uri())
    if request.param == "hdfs":
        made = Area(f"{request.getfixturevalue('hdfs_url')}/landing")
        made.storage.create_exclusive("another drop/_SUCCESS", b"")
        return made
    store: Store = request.getfixturevalue("store")
    for name, value in leads_to(store).items():
        monkeypatch.setenv(name, value)
    return Area(f"s3://{BUCKET}/landing", **leads_to(store))


def leads_to(store: Store) -> dict[str, str]:
    """The environment that leads to an object store."""
    return {**ENVIRONMENT, "DICOMDEX_S3_ENDPOINT": store.url}


WHOLE = {**FILES, "s0/é %25.dcm": b"1", "s0/empty": b""}


def test_a_directory_becomes_a_complete_drop_and_doing_it_again_sends_nothing(area: Area, source: Path) -> None:
    first = area.put(source, "--json")
    assert (first.returncode, first.stderr) == (0, "")
    said = json.loads(first.stdout)
    size = sum(map(len, WHOLE.values()))
    assert (said["sent"], said["sent_bytes"], said["there"], said["left_out"]) == (14, size, 0, ["link"])
    assert area.files() == {**WHOLE, "_SUCCESS": b""}
    urls = dict.fromkeys(("work", "catalog"), "file:///nowhere")
    settings = Settings(landing=area.url, **urls)
    assert steps.complete_drop(settings, KEY, landing=area.storage) is not None

    again = area.put(source, "--json", "--strict")
    assert again.returncode == 3
    said = json.loads(again.stdout)
    assert (said["sent"], said["there"], said["was_complete"]) == (0, 14, True)


@pytest.mark.parametrize("point", ["put-sent", "put-listed"])
def test_killed_in_the_middle_there_is_no_marker_and_the_next_one_goes_on(area: Area, source: Path, point: str) -> None:
    assert area.put(source, "--threads", "3", crash=point).returncode == -9
    left = area.files()
    assert "_SUCCESS" not in left
    whole = {name: content for name, content in left.items() if not name.endswith(".part")}
    assert 0 < len(whole) <= 14
    assert whole.items() <= WHOLE.items()
    second = json.loads(area.put(source, "--json").stdout)
    assert (second["there"], second["sent"]) == (len(whole), 14 - len(whole))
    assert area.files() == {**WHOLE, "_SUCCESS": b""}


def test_a_complete_drop_of_other_content_is_refused_by_name_and_left_alone(area: Area, source: Path) -> None:
    assert area.put(source).returncode == 0
    (source / "s1" / "4.dcm").write_bytes(b"x" * len(FILES["s1/4.dcm"]))
    refused = area.put(source)
    assert refused.returncode == 1
    said = f"drop {KEY} is complete already with s1/4.dcm, which has other bytes: choose another key"
    assert refused.stderr == f"dicomdex: {said}\n"
    (source / "s1" / "4.dcm").unlink()
    assert "s1/4.dcm, which is not in the directory" in area.put(source).stderr
    (source / "s1" / "4.dcm").write_bytes(FILES["s1/4.dcm"])
    (source / "new.dcm").write_bytes(b"1")
    assert "is complete already, without new.dcm" in area.put(source).stderr
    assert area.files() == {**WHOLE, "_SUCCESS": b""}


def test_a_file_of_the_same_name_that_another_has_written_is_never_replaced(area: Area, source: Path) -> None:
    area.storage.write_atomic(f"{KEY}/s0/0.dcm", b"another's")
    refused = area.put(source)
    assert (refused.returncode, "s0/0.dcm, of 9 bytes, not 1,000" in refused.stderr) == (1, True)
    assert area.files() == {"s0/0.dcm": b"another's"}


def test_a_file_of_several_parts_arrives_whole_and_is_known_again(area: Area, tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.mkdir()
    (big / "one").write_bytes(os.urandom(1 << 20) * 20)
    assert area.put(big, key="big").returncode == 0
    assert area.files("big")["one"] == (big / "one").read_bytes()
    assert json.loads(area.put(big, "--json", key="big").stdout)["there_bytes"] == BIG


def test_traces_of_a_put_that_died_are_removed(tmp_path: Path, source: Path) -> None:
    landing = tmp_path / "landing"
    (landing / KEY / "s0").mkdir(parents=True)
    (landing / KEY / "s0" / PART).write_bytes(b"half")
    (landing / KEY / "_SUCCESS.01234567.tmp").touch()
    area = Area(landing.as_uri())
    assert area.put(source).returncode == 0
    assert area.files() == {**WHOLE, "_SUCCESS": b""}


def test_a_name_that_an_object_store_can_not_hold_is_a_sentence(store: Store, source: Path) -> None:
    (source / os.fsdecode(b"not \xff utf-8.dcm")).write_bytes(b"1")
    area = Area(f"s3://{BUCKET}/landing", **leads_to(store))
    refused = area.put(source)
    assert (refused.returncode, refused.stderr) == (1, "dicomdex: not %FF utf-8.dcm: S3: its name is not UTF-8\n")
    assert not [key for key in store.all_keys() if key.endswith("_SUCCESS")]


def test_an_upload_in_parts_that_died_is_given_up(store: Store, source: Path) -> None:
    key = f"landing/{KEY}/s0/big"
    store.client.create_multipart_upload(Bucket=BUCKET, Key=key)
    area = Area(f"s3://{BUCKET}/landing", **leads_to(store))
    assert area.put(source).returncode == 0
    assert store.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


def test_a_store_that_is_overloaded_is_asked_again(store: Store, source: Path) -> None:
    store.refuse("3.dcm", 2)
    area = Area(f"s3://{BUCKET}/landing", **leads_to(store))
    done = area.put(source)
    assert (done.returncode, store.refused("3.dcm")) == (0, 0)
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere", KEY), "nowhere is no directory"),
        (("empty", KEY), "empty holds no file to put"),
        (("landing", KEY), "lie in one another"),
        (("source", "../x"), "is no drop key"),
        (("source", "a~b"), "2 level(s) deep"),
    ],
)
def test_what_can_not_be_put_is_one_sentence(
    tmp_path: Path, source: Path, arguments: tuple[str, str], said: str
) -> None:
    for name in ("landing", "empty"):
        (tmp_path / name).mkdir()
    refused = Area((tmp_path / "landing").as_uri()).put(tmp_path / arguments[0], key=arguments[1])
    assert refused.returncode == 1
    assert said in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert list((tmp_path / "landing").iterdir()) == []


def test_a_landing_area_that_is_not_mounted_is_not_made_anew(tmp_path: Path, source: Path) -> None:
    refused = Area((tmp_path / "landing").as_uri()).put(source)
    assert refused.stderr == "dicomdex: the landing area is not there (DICOMDEX_LANDING)\n"
    assert not (tmp_path / "landing").exists()
