"""The odd files of a generated drop: UIDs that come again, broken files, files that are no instances, odd names.

They all hang on the first series of the drop's study 0, by an instance's position in it. What becomes of each is
known here by construction; nothing of dicomdex's reading or resolving is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from hashlib import sha256

from dicomdex.entry import escape
from dicomdex_local.sample_instances import Instance
from dicomdex_local.sample_studies import CANARY, Series, SeriesPlan, Study
from dicomdex_local.sample_templates import PYDICOM_DATA


@dataclass(frozen=True)
class HospitalFile:
    """One file of a drop: its name's raw bytes relative to the drop, its content, and what becomes of it.

    `state` is indexed, duplicate, conflict, rejected, ignored or container; `reason` is a reject reason or an ignore
    rule; `members` are those of an archive: (name, state, reason).
    """

    path: bytes
    content: bytes
    state: str
    reason: str | None = None
    members: tuple[tuple[str, str, str | None], ...] = ()


# Position in the first series -> file name.
ODD_NAMES: dict[int, bytes] = {
    1: b"a name with spaces.dcm",
    3: b'it\'s "quoted" $(id) `id`.dcm',
    5: b"two\nlines.dcm",
    7: b"latin-1 \xe9t\xe9 and \xff.dcm",
    11: f"{CANARY}^JOHN 19700101.dcm".encode(),
    13: b"100%25 %FF.dcm",
    18: b"-rf",
    19: "漢字 \N{GRINNING FACE}.dcm".encode(),
    20: b"x" * 251 + b".dcm",
}
# Position -> values that break their VR (PS3.5 table 6.2-1). A bad element never costs the file.
BAD_VALUES: dict[int, dict[str, bytes]] = {
    22: {"ContentDate": CANARY.encode()},  # eight bytes, as a date
    23: {"InstanceNumber": b"1A"},
}
Variant = Callable[[Instance, Study], bytes]


def _same(instance: Instance, _stranger: Study) -> bytes:
    return instance.content()


def _other_pixels(instance: Instance, _stranger: Study) -> bytes:
    content = instance.content()
    return content[:-1] + bytes([content[-1] ^ 1])


def _other_header(instance: Instance, _stranger: Study) -> bytes:
    return instance.content({"DerivationDescription": b"sent again"})


def _other_patient(instance: Instance, stranger: Study) -> bytes:
    return instance.content(dict(Series(stranger, 90, SeriesPlan("CT_small", "stray", 1, 1), 1).values))


def _other_patient_alone(instance: Instance, stranger: Study) -> bytes:
    """Under a study that has no other instance, so that nothing but this file speaks of it."""
    return _other_patient(instance, Study(stranger.seed, stranger.day, 90_000))


# Position -> the other files of the same drop with its SOP Instance UID.
CONTESTS: dict[int, tuple[Variant, ...]] = {
    2: (_same,),
    4: (_other_pixels,),
    6: (_other_header,),
    8: (_other_patient,),
    9: (_other_patient_alone,),
    10: (_other_header, _other_header),
    12: (_same, _same),
}
# Position in the day before -> what is delivered again today.
DELIVERED_AGAIN: dict[int, Variant] = {
    2: _same,
    14: _same,
    15: _other_pixels,
    16: _other_header,
    17: _other_patient,
}


def first_series(seed: str, day: date) -> Series:
    """The series that the odd files hang on."""
    return next(Study(seed, day, 0).series())


def contested(path: bytes, instance: Instance) -> Iterator[HospitalFile]:
    """The instance's file and all files of this drop that claim its UID, each with its state.

    The primary is the minimum of (drop key, header digest, path) as UTF-8 bytes; all of them lie in one drop here,
    so the key and the path's beginning, which they share, don't count.
    """
    stranger = Study(instance.series.study.seed, instance.series.day, 1)
    claims = [(path, instance.content())]
    for place, variant in enumerate(CONTESTS[instance.number]):
        claims.append((b"again/%d-%d.dcm" % (instance.number, place), variant(instance, stranger)))
    pixels_at = instance.series.template.pixels_at

    def rank(claim: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
        digest = sha256(claim[1][:pixels_at]).hexdigest()
        return digest.encode(), escape(claim[0]).encode()

    primary = min(claims, key=rank)
    for claim in claims:
        state = "duplicate" if claim[1] == primary[1] else "conflict"
        yield HospitalFile(*claim, "indexed" if claim is primary else state)


def delivered_again(seed: str, previous: date, day: date, instances: int) -> Iterator[HospitalFile]:
    """Instances of the day before once more; their primaries lie there, since its drop key is the smaller one."""
    series = first_series(seed, previous)
    for position, variant in DELIVERED_AGAIN.items():
        if position < min(instances, series.length):
            instance = Instance(series, position)
            content = variant(instance, Study(seed, day, 1))
            state = "duplicate" if content == instance.content() else "conflict"
            yield HospitalFile(b"from yesterday/%d.dcm" % position, content, state)


def broken(instance: Instance) -> Iterator[HospitalFile]:
    """Files that are rejected or ignored; `instance` is the one that arrived cut."""
    whole = instance.content()
    in_header = instance.series.template.slots["StudyDescription"][0][0] + 11
    letter = f"To the ward of {CANARY}: this is a letter, not an instance.\n".encode() * 20
    yield HospitalFile(b"odd/cut in the header.dcm", whole[:in_header], "rejected", "truncated")
    yield HospitalFile(b"odd/cut in the pixels.dcm", whole[:-5001], "rejected", "truncated")
    yield HospitalFile(b"odd/letter.dcm", letter, "rejected", "not_dicom")
    yield HospitalFile(b"odd/page.dcm", b"<!doctype html><title>404</title>\n", "rejected", "not_dicom")
    yield HospitalFile(b"odd/empty.dcm", b"", "rejected", "empty")
    index = PYDICOM_DATA / "test_files" / "dicomdirtests" / "DICOMDIR"
    yield HospitalFile(b"DICOMDIR", index.read_bytes(), "rejected", "dicomdir")
    yield HospitalFile(b"odd/arriving.dcm.tmp", whole[:9000], "ignored", "temporary")
    yield HospitalFile(b"odd/.DS_Store", b"\0\0\0\1Bud1", "ignored", "dotfile")
