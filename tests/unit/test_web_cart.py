"""Carts: ids alone, one a person; the queries that find what is in them; exports that are whole or cut off."""

from __future__ import annotations

import io
import stat
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from dicomdex.adapters.solr_search import Page
from dicomdex.adapters.storage import LocalStorage
from dicomdex.extract.row import file_id
from dicomdex.search import Filter, Query
from dicomdex_web.archive_download import Zipped
from dicomdex_web.cart import queries_of
from dicomdex_web.cart_store import Carts
from dicomdex_web.export import begun
from dicomdex_web.export_stream import streamed

STUDY, SERIES, INSTANCE, COPY = "1.2!study", "1.2!s.1.2.1", "1.2!i.1.2.1.1", "1.2!c." + "0" * 32


def test_a_cart_keeps_its_order_and_each_id_once(tmp_path: Path) -> None:
    carts = Carts(tmp_path / "carts")
    assert carts.items("anna") == []
    assert carts.add("anna", [SERIES, STUDY, SERIES]) == (2, 0)
    assert carts.add("anna", [STUDY, INSTANCE, COPY]) == (2, 0)
    assert Carts(tmp_path / "carts").items("anna") == [SERIES, STUDY, INSTANCE, COPY]
    carts.remove("anna", [STUDY, "1.9!study"])
    assert carts.items("anna") == [SERIES, INSTANCE, COPY]
    assert carts.items("bo") == []
    carts.clear("anna")
    assert carts.items("anna") == []


def test_only_ids_of_documents_get_into_a_cart(tmp_path: Path) -> None:
    carts = Carts(tmp_path)
    odd = ["", "1.2", "MEIER^ANNA!study", "1.2!x.3", "../etc!study", "1.2!study\n", "<b>!study", "1.2!i."]
    assert carts.add("anna", odd) == (0, 0)
    assert carts.add("anna", ["none.0123456789abcdef!s.none.0123456789abcdef"]) == (1, 0)


def test_a_cart_is_its_owners_and_its_file_names_nobody(tmp_path: Path) -> None:
    Carts(tmp_path / "carts").add("../../anna", [STUDY])
    (file,) = (tmp_path / "carts").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "anna" not in file.name


def test_what_does_not_fit_is_counted(tmp_path: Path) -> None:
    carts = Carts(tmp_path, most=3)
    assert carts.add("anna", [f"1.{n}!study" for n in range(5)]) == (3, 2)
    assert len(carts.items("anna")) == 3


def test_people_who_put_things_in_at_once_lose_nothing(tmp_path: Path) -> None:
    carts = Carts(tmp_path)
    putting = [threading.Thread(target=lambda n=n: carts.add("anna", [f"1.{n}!study"])) for n in range(20)]
    for one in putting:
        one.start()
    for one in putting:
        one.join()
    assert len(carts.items("anna")) == 20


def test_a_cart_is_asked_for_by_the_query_of_searches() -> None:
    asked = list(queries_of([STUDY, "1.3!study", SERIES, INSTANCE, COPY]))
    assert [one.filters for one in asked] == [
        (Filter("study", values=("1.2", "1.3")),),
        (Filter("series", values=("1.2.1",)), Filter("study", values=("1.2",))),
        (Filter("id", values=(INSTANCE, COPY)),),
    ]
    assert [one.copies for one in asked] == [False, False, True]
    assert len(list(queries_of([f"1.{n}!study" for n in range(401)]))) == 3


def test_what_is_written_is_sent_in_order_while_it_is_written() -> None:
    def write(target: IO[bytes]) -> None:
        for number in range(100_000):
            target.write(b"%06d\n" % number)

    assert b"".join(streamed(write)) == b"".join(b"%06d\n" % number for number in range(100_000))


def test_an_export_that_fails_is_cut_off() -> None:
    def write(target: IO[bytes]) -> None:
        target.write(bytes(300_000))
        raise OSError("Solr is gone")

    sent = streamed(write)
    assert len(next(sent)) == 300_000
    with pytest.raises(OSError, match="Solr is gone"):
        next(sent)


def test_nobody_writes_on_when_nobody_reads_on() -> None:
    ended = threading.Event()

    def write(target: IO[bytes]) -> None:
        try:
            while True:
                target.write(bytes(300_000))
        finally:
            ended.set()

    sent = streamed(write)
    next(sent)
    sent.close()  # type: ignore[attr-defined]
    assert ended.wait(20)


def landed(root: Path, number: int, content: bytes, *, sop: str = "") -> dict[str, Any]:
    (root / "d").mkdir(exist_ok=True)
    path = root / "d" / f"{number}.dcm"
    path.write_bytes(content)
    return {
        "level": "instance", "drop": ["d"], "path": f"d/{number}.dcm", "file_id": file_id("d", f"d/{number}.dcm"),
        "size": len(content), "mtime": path.stat().st_mtime_ns, "SOPInstanceUID": sop or f"1.2.{number}",
        "series": "1.2", "study": "1",
    }  # fmt: skip


def names(root: Path, documents: list[dict[str, Any]], *, folders: bool = True) -> list[str]:
    zipped = Zipped(LocalStorage(root.as_uri()), documents, folders=folders)
    return zipfile.ZipFile(io.BytesIO(b"".join(zipped.chunks()))).namelist()


def test_names_in_a_zip_are_of_uids_alone_and_each_is_there_once(tmp_path: Path) -> None:
    one, same, odd = (
        landed(tmp_path, number, b"x", sop=sop) for number, sop in ((1, "1.2.1"), (2, "1.2.1"), (3, "../../x"))
    )
    odd |= {"series": "../evil", "study": "/etc"}
    found = names(tmp_path, [one, same, odd])
    assert found == [
        "1/1.2/1.2.1.dcm", f"1/1.2/1.2.1.{same['file_id']}.dcm", f"{odd['file_id']}.dcm", "manifest.csv",
    ]  # fmt: skip
    assert names(tmp_path, [one], folders=False) == ["1.2.1.dcm", "manifest.csv"]


def test_a_document_that_leads_nowhere_is_missing_and_said_so(tmp_path: Path) -> None:
    good = landed(tmp_path, 1, b"x")
    forged = {**landed(tmp_path, 2, b"y"), "path": "d/../../etc/passwd"}
    zipped = Zipped(LocalStorage(tmp_path.as_uri()), [good, forged], folders=True)
    found = zipfile.ZipFile(io.BytesIO(b"".join(zipped.chunks())))
    assert "MISSING.txt" in found.namelist()
    assert (len(zipped.rows), len(zipped.missing)) == (1, 1)


def test_a_file_that_breaks_while_it_is_sent_ends_the_zip(tmp_path: Path) -> None:
    first, second = landed(tmp_path, 1, bytes(1 << 20)), landed(tmp_path, 2, bytes(1 << 20))

    def documents() -> Iterator[dict[str, Any]]:
        yield first
        yield second

    sent = Zipped(LocalStorage(tmp_path.as_uri()), documents(), folders=True).chunks()
    next(sent)
    (tmp_path / "d" / "1.dcm").write_bytes(b"short")
    with pytest.raises(OSError, match=r"changed|ends before"):
        list(sent)


class Counting:
    """A search over so many documents, page by page; counts what is asked of it."""

    def __init__(self, documents: int) -> None:
        self.documents = [{"id": str(number)} for number in range(documents)]
        self.asked = 0

    def page(self, query: Query) -> Page:
        self.asked += 1
        start = 0 if query.cursor == "*" else int(query.cursor)
        some = self.documents[start : start + query.rows]
        return Page(len(self.documents), tuple(some), {}, str(start + len(some)))


@pytest.mark.parametrize(("documents", "pages"), [(0, 1), (1, 1), (199, 1), (200, 2), (201, 2), (1000, 6)])
def test_all_matches_come_page_by_page_and_no_page_too_many(documents: int, pages: int) -> None:
    search = Counting(documents)
    total, found = begun(search, Query())  # type: ignore[arg-type]
    assert (total, list(found)) == (documents, search.documents)
    assert search.asked == pages
