"""Children that open files for the page: a file that kills its child costs that child alone."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from PIL import Image

from dicomdex.adapters.child_limits import Limits
from dicomdex.adapters.served_children import PROGRAM, Children, NotMade
from dicomdex.extract.row import file_id
from dicomdex.serve import CHANGED, Locator
from tests.factories import pydicom_file

DROP = "2026-11-20"
FATAL = (sys.executable, "-m", "tests.unit.serving_child")
SHORT = Limits(cpu_seconds=1.0, memory=300 << 20, stall=20.0)


def laid(root: Path, name: str, content: bytes) -> Locator:
    directory = root / DROP
    directory.mkdir(exist_ok=True)
    (directory / name).write_bytes(content)
    mtime, path = (directory / name).stat().st_mtime_ns, f"{DROP}/{name}"
    return Locator(file_id(DROP, path), DROP, path, None, len(content), mtime, "1.2.3", "1.2", "1")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("landing")


@pytest.fixture(scope="module")
def children(root: Path) -> Iterator[Children]:
    made = Children(root.as_uri(), 1, program=PROGRAM)
    yield made
    made.close()


@pytest.fixture(scope="module")
def fatal(root: Path) -> Iterator[Children]:
    made = Children(root.as_uri(), 2, limits=SHORT, program=FATAL)
    yield made
    made.close()


def picture(content: bytes | NotMade) -> Image.Image:
    assert isinstance(content, bytes), content
    return Image.open(io.BytesIO(content))


def said(answer: bytes | NotMade) -> NotMade:
    assert isinstance(answer, NotMade)
    return answer


@pytest.mark.parametrize(
    ("name", "size", "mode"),
    [
        ("CT_small.dcm", (128, 128), "L"),
        ("MR_small_jp2klossless.dcm", (64, 64), "L"),
        ("MR_small_jpeg_ls_lossless.dcm", (64, 64), "L"),
        ("MR_small_RLE.dcm", (64, 64), "L"),
        ("SC_rgb_jpeg_dcmtk.dcm", (100, 100), "RGB"),
        ("examples_palette.dcm", (256, 112), "RGB"),
        ("examples_ybr_color.dcm", (256, 192), "RGB"),
        ("liver_1frame.dcm", (256, 256), "L"),
        ("rtdose.dcm", (10, 10), "L"),
        ("image_dfl.dcm", (256, 256), "L"),
        ("MR_small_bigendian.dcm", (64, 64), "L"),
    ],
)
def test_pixels_of_many_transfer_syntaxes_become_small_pictures(
    children: Children, root: Path, name: str, size: tuple[int, int], mode: str
) -> None:
    shown = picture(children.ask("thumbnail", laid(root, name, pydicom_file(name))))
    assert shown.format == "WEBP"
    assert shown.size == size
    low, high = shown.convert("L").getextrema()
    assert high - low > 20, "something is seen"
    red, green, blue = (band.getextrema() for band in shown.convert("RGB").split())
    assert (mode == "RGB") or red == green == blue


@pytest.mark.parametrize(
    ("name", "reason"),
    [("test-SR.dcm", "no_pixels"), ("JPGExtended.dcm", "undecodable"), ("MR_truncated.dcm", "undecodable")],
)
def test_what_can_not_be_shown_says_why(children: Children, root: Path, name: str, reason: str) -> None:
    answer = said(children.ask("thumbnail", laid(root, name, pydicom_file(name))))
    assert (answer.reason, answer.kept) == (reason, True)
    assert answer.sentence.endswith(".")


def test_a_header_is_read_from_the_file_itself(children: Children, root: Path) -> None:
    answer = children.ask("header", laid(root, "ct.dcm", pydicom_file("CT_small.dcm")))
    assert isinstance(answer, bytes)
    told = orjson.loads(answer)
    assert orjson.loads(told["header"])["00100010"]["Value"] == [{"Alphabetic": "CompressedSamples^CT1"}]
    assert told["parser"].startswith("walker")


def test_a_file_that_changed_is_not_opened(children: Children, root: Path) -> None:
    locator = laid(root, "ct.dcm", pydicom_file("CT_small.dcm"))
    (root / locator.path).write_bytes(b"other")
    answer = said(children.ask("header", locator))
    assert (answer.reason, answer.sentence, answer.kept) == ("changed", CHANGED.sentence, False)


@pytest.mark.parametrize(
    ("content", "reason"), [(b"kill", "crashed"), (b"spin", "limit"), (b"eat", "limit"), (b"defect", "undecodable")]
)
def test_a_poison_file_costs_its_child_alone(fatal: Children, root: Path, content: bytes, reason: str) -> None:
    answer = said(fatal.ask("thumbnail", laid(root, "poison.dcm", content)))
    assert (answer.reason, answer.kept) == (reason, True)
    assert "ZZCANARY" not in answer.sentence
    assert fatal.ask("thumbnail", laid(root, "good.dcm", b"good")) == b"good"


def test_what_a_decoder_prints_is_no_answer(fatal: Children, root: Path) -> None:
    assert fatal.ask("thumbnail", laid(root, "print.dcm", b"print")) == b"print"


def test_a_child_that_hangs_is_ended(root: Path) -> None:
    hasty = Children(root.as_uri(), 1, limits=Limits(cpu_seconds=1.0, memory=300 << 20, stall=3.0), program=FATAL)
    try:
        answers = (hasty.ask("thumbnail", laid(root, "hang.dcm", b"hang")) for _ in range(2))
        assert [said(one).reason for one in answers] == ["slow", "slow"]
    finally:
        hasty.close()


def test_children_outlive_the_thread_that_asked_first(fatal: Children, root: Path) -> None:
    answers: list[bytes | NotMade] = []
    for name in ("one", "two"):
        locator = laid(root, f"{name}.dcm", name.encode())
        asking = threading.Thread(target=lambda locator=locator: answers.append(fatal.ask("thumbnail", locator)))
        asking.start()
        asking.join()
    assert answers == [b"one", b"two"]
