"""A line for tests of taking: real files, Delta, Spark and Solr, no Airflow."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dicomdex_local.layout import RunDir
from dicomdex_local.ports import free_ports
from dicomdex_local.solr import SolrNode
from dicomdex_local.web import Page
from tests.factories import element, identity, part10, place, pydicom_file
from tests.page_program import page_before
from tests.spark.served import Documents, Served
from tests.spark.submitted import spark_session
from tests.unit.made_archives import tarred, zipped

DROP, LATER = "2026-11-20", "2026-11-21"
STUDY, SERIES, OTHER_SERIES = "1.2.3", "1.2.3.1", "1.2.3.2"
PACKED, GZIPPED = "1.2.4", "1.2.5"  # studies that lie in a zip, in a tar in gzip
TWICE, CONTESTED = "1.2.3.1.1", "1.2.3.1.2"  # delivered once more: the same bytes; other ones
CANARY = "ZZCANARY^NAME"
LARGE = 2 << 20  # bytes of pixels: more than one piece
US = "1.2.840.10008.5.1.4.1.1.6.1"


def ct(sop: str, *, study: str = STUDY, series: str = SERIES, patient: str = "P1", rows: int = 64) -> bytes:
    """A CT instance with a gradient in it."""
    return part10(
        identity(sop),
        element(0x00080060, "CS", "CT"),
        element(0x0008103E, "LO", "Series of tests"),
        element(0x00090010, "LO", "ACME 1.1"),
        element(0x00091001, "LO", "a private value"),
        element(0x00100010, "PN", CANARY),
        place(study, series, patient),
        element(0x00200013, "IS", sop.rsplit(".", 1)[-1]),
        shown(rows, gradient(rows)),
        sop=sop,
    )


def shown(rows: int, pixels: bytes) -> bytes:
    """Image pixel module of square grey pixels of 16 bits, all that it takes to show them."""
    head = element(0x00280002, "US", struct.pack("<H", 1)) + element(0x00280004, "CS", "MONOCHROME2")
    for tag, value in ((0x10, rows), (0x11, rows), (0x100, 16), (0x101, 16), (0x102, 15), (0x103, 0)):
        head += element(0x00280000 + tag, "US", struct.pack("<H", value))
    return head + element(0x7FE00010, "OW", pixels)


def gradient(rows: int) -> bytes:
    """Square native pixels of 16 bits, from dark to bright."""
    return b"".join(struct.pack("<H", (at * 4095) // (rows * rows)) for at in range(rows * rows))


def ultrasound(sop: str) -> bytes:
    """An instance that says nothing of burned-in text, of a kind that has it."""
    head = identity(sop, sop_class=US) + element(0x00080060, "CS", "US")
    return part10(head, place("1.2.6", "1.2.6.1"), shown(8, gradient(8)), sop=sop)


def large() -> bytes:
    """An instance of more than one piece."""
    head = identity("1.2.7.1.1") + element(0x00080060, "CS", "CT")
    return part10(head, place("1.2.7", "1.2.7.1"), shown(1024, os.urandom(LARGE)), sop="1.2.7.1.1")


def first_drop() -> dict[str | bytes, bytes]:
    """Files of the first drop by their names in it."""
    packed = {f"in zip/{n}.dcm": ct(f"{PACKED}.1.{n}", study=PACKED, series=f"{PACKED}.1") for n in (1, 2, 3)}
    gzipped = {f"{n}.dcm": ct(f"{GZIPPED}.1.{n}", study=GZIPPED, series=f"{GZIPPED}.1") for n in (1, 2)}
    named = "JPGExtended.dcm", "MR_small.dcm", "MR_small_jp2klossless.dcm", "CT_small.dcm", "test-SR.dcm"
    return {
        **{f"a {n}.dcm": ct(f"{SERIES}.{n}") for n in range(1, 6)},
        **{f"{CANARY}/b{n}.dcm": ct(f"{OTHER_SERIES}.{n}", series=OTHER_SERIES) for n in (1, 2)},
        "study.zip": zipped(packed),
        "study.tar.gz": tarred(gzipped, "w:gz"),
        "us.dcm": ultrasound("1.2.6.1.1"),
        "large.dcm": large(),
        **{f"pydicom/{name}": pydicom_file(name) for name in named},
    }


def later_drop() -> dict[str | bytes, bytes]:
    """Two instances of the first drop once more, one of them with another patient."""
    return {"again.dcm": ct(TWICE), "other.dcm": ct(CONTESTED, patient="P2")}


def files(documents: Documents) -> list[dict[str, Any]]:
    """Documents that stand for a file."""
    return [one for one in documents.values() if one["level"] in ("instance", "copy")]


def with_sop(documents: Documents, sop: str, level: str = "instance") -> dict[str, Any]:
    """The document of a SOP Instance UID."""
    return next(one for one in documents.values() if one.get("SOPInstanceUID") == sop and one["level"] == level)


def in_the_landing_area(line: Served, document: dict[str, Any]) -> bytes:
    """What lies there; a member is made again."""
    path: Path = line.landing / document["path"]
    if "member" not in document:
        return path.read_bytes()
    return ct(document["SOPInstanceUID"], study=document["study"], series=document["series"])


def sha256(content: bytes) -> str:
    """In hex."""
    return hashlib.sha256(content).hexdigest()


@contextmanager
def taken(root: Path, jars: Path) -> Iterator[tuple[Served, Page]]:
    """Both drops in the catalog and in a Solr of their own, and a page before them."""
    run = RunDir(root / "run")
    run.create()
    port, zookeeper_port = free_ports(2)
    node = SolrNode(run.solr, jars / "solr", run.secrets, port, zookeeper_port=zookeeper_port, heap="512m")
    node.start()
    try:
        line = laid(root, node)
        with page_before(run, {**os.environ, **line.environment()}) as page:
            yield line, page
        line.solr.close()
    finally:
        node.stop()


def laid(root: Path, node: SolrNode) -> Served:
    """A line with both drops in the catalog and in Solr."""
    line = Served(root, node, "take")
    for drop, files in ((DROP, first_drop()), (LATER, later_drop())):
        line.lay(drop, files)
        line.ingest(drop)
    with spark_session(root / "spark"):
        line.apply()
    return line
