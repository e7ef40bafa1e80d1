"""Archives of a generated drop: instances that come in a zip and in a tar.gz, with what else lies in such archives."""

from __future__ import annotations

import gzip
import io
import tarfile
import warnings
import zipfile
from collections.abc import Callable

from dicomdex_local.sample_instances import Instance
from dicomdex_local.sample_odd import HospitalFile

DATE = (2026, 1, 1, 0, 0, 0)
Content = tuple[str, bytes, str, str | None]
"""Name, bytes, state and reason of a member."""


def in_zip(folder: bytes, instance: Instance) -> HospitalFile:
    """A zip with the instance, the same once more under the same name, a copy of a file beside it, and odd ones."""
    name, whole = f"IM{instance.number:05d}.dcm", instance.content()
    contents: list[Content] = [
        (name, whole, "indexed", None),
        ("again/first.dcm", Instance(instance.series, 0).content(), "duplicate", None),
        (name, whole, "duplicate", None),
        ("../../etc/letter.dcm", b"To whom it may concern.\n", "rejected", "not_dicom"),
        ("cut.dcm", whole[: len(whole) // 2], "rejected", "truncated"),
        ("__MACOSX/._letter.dcm", b"\0\5\x16\7", "ignored", "dotfile"),
    ]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the name that comes twice
        for member, content, _, _ in contents:
            archive.writestr(zipfile.ZipInfo(member, DATE), content, zipfile.ZIP_DEFLATED)
    members = tuple((member, state, reason) for member, _, state, reason in contents)
    renamed = (*members[:2], (f"{name}#2", *members[2][1:]), *members[3:])
    return HospitalFile(folder + b"sent.zip", packed.getvalue(), "container", members=renamed)


def in_tar_gz(folder: bytes, instance: Instance) -> HospitalFile:
    """A tar.gz with the instance and a link to it."""
    name, content = f"./IM{instance.number:05d}.dcm", instance.content()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        file, link = tarfile.TarInfo(name), tarfile.TarInfo("./latest.dcm")
        file.size = len(content)
        link.type, link.linkname = tarfile.SYMTYPE, name
        archive.addfile(file, io.BytesIO(content))
        archive.addfile(link)
    members = ((name, "indexed", None), ("./latest.dcm", "rejected", "not_regular"))
    return HospitalFile(folder + b"sent.tar.gz", gzip.compress(packed.getvalue(), mtime=0), "container", None, members)


# Position in the first series -> the archive that an instance comes in, instead of in a file of its own.
IN_ARCHIVES: dict[int, Callable[[bytes, Instance], HospitalFile]] = {24: in_zip, 25: in_tar_gz}
