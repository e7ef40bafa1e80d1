"""What differs inside a series of the mix: the elements that get a slot, and their values by instance.

No two instances of a series share the value of an element here, but where its VR has few values (counts, windows):
a reader that remembers elements gains nothing from these.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b

UID_LENGTH = 44  # `2.25.` and 39 digits
CSA_SLOT = 96  # bytes of the Siemens image header that differ from slice to slice: position, time, table


@dataclass(frozen=True)
class Draw:
    """Numbers that depend on a series, an instance's place in it, and a name."""

    series: str
    place: int

    def number(self, name: str, below: int) -> int:
        """From 0 to `below` - 1."""
        digest = blake2b(f"{self.series}|{self.place}|{name}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % below

    def uid(self, name: str) -> str:
        """A UID of the 2.25 arc, PS3.5 section B.2, of 44 characters."""
        digest = blake2b(f"{self.series}|{self.place}|{name}".encode(), digest_size=16).digest()
        return f"2.25.{10**38 + int.from_bytes(digest, 'big') % (2**128 - 10**38)}"

    def clock(self, name: str) -> str:
        """A time with microseconds, PS3.5 section 6.2: 13 characters."""
        second = 36_000 + self.place % 20_000
        return f"{second // 3600:02d}{second // 60 % 60:02d}{second % 60:02d}.{self.number(name, 10**6):06d}"

    def decimal(self, name: str, low: int, high: int) -> str:
        """A number of six decimals."""
        return f"{low + self.number(name, (high - low) * 10**6) / 10**6:.6f}"


@dataclass(frozen=True)
class Slot:
    """An element that differs by instance: its VR, the bytes of its slot, its value."""

    vr: str
    length: int
    value: Callable[[Draw, str], bytes]


def _text(vr: str, length: int, make: Callable[[Draw, str], str]) -> Slot:
    return Slot(vr, length, lambda draw, name: make(draw, name).encode("ascii"))


def _number(vr: str, code: str, low: int, high: int) -> Slot:
    return Slot(vr, struct.calcsize(code), lambda draw, name: struct.pack(code, low + draw.number(name, high - low)))


def _doubles(count: int) -> Slot:
    def pack(draw: Draw, name: str) -> bytes:
        return struct.pack(f"<{count}d", *(draw.number(f"{name}{i}", 10**6) / 1000 for i in range(count)))

    return Slot("FD", 8 * count, pack)


def _position(draw: Draw, name: str) -> str:
    return "\\".join(("-" + draw.decimal(f"{name}x", 100, 300), "-" + draw.decimal(f"{name}y", 100, 300),
                      draw.decimal(f"{name}z", 100, 900)))  # fmt: skip


UID = _text("UI", UID_LENGTH, Draw.uid)
TIME = _text("TM", 14, Draw.clock)
DATE_TIME = _text("DT", 22, lambda draw, name: "20260103" + draw.clock(name))
DECIMAL = _text("DS", 10, lambda draw, name: draw.decimal(name, 100, 999))
WINDOW = _text("DS", 4, lambda draw, name: str(100 + draw.number(name, 900)))
COUNT = _text("IS", 6, lambda draw, name: str(10_000 + draw.number(name, 90_000)))
PLACE = _text("IS", 6, lambda draw, _name: str(draw.place + 1))
REMARK = _text("LT", 40, lambda draw, name: f"slice {draw.place}, remark {draw.number(name, 10**9)}")

EVERY: Mapping[str, Slot] = {
    "SOPInstanceUID": UID, "InstanceCreationTime": TIME, "ContentTime": TIME, "InstanceNumber": PLACE,
}  # fmt: skip
IMAGE: Mapping[str, Slot] = {
    **EVERY, "AcquisitionTime": TIME, "AcquisitionDateTime": DATE_TIME, "AcquisitionNumber": PLACE,
    "DerivationDescription": Slot("ST", 40, REMARK.value), "IrradiationEventUID": UID, "ImageComments": REMARK,
    "ImagePositionPatient": _text("DS", 34, _position), "SliceLocation": DECIMAL, "WindowCenter": WINDOW,
    "WindowWidth": WINDOW, "SmallestImagePixelValue": _number("US", "<H", 0, 900),
    "LargestImagePixelValue": _number("US", "<H", 1000, 4000), "TriggerTime": DECIMAL, "FrameReferenceTime": DECIMAL,
    "CountsAccumulated": COUNT, "ActualFrameDuration": COUNT, "AcquisitionDuration": _doubles(1),
    "InStackPositionNumber": Slot("UL", 4, lambda draw, _name: struct.pack("<L", draw.place + 1)),
    "FrameAcquisitionNumber": _number("US", "<H", 0, 60_000),
    "ConcatenationUID": UID, "StackID": _text("SH", 16, lambda draw, name: f"S{draw.number(name, 10**9)}"),
    "PerformedProcedureStepEndTime": TIME,
}  # fmt: skip
CT: Mapping[str, Slot] = {
    **IMAGE, "XRayTubeCurrent": COUNT, "Exposure": COUNT, "ExposureTime": COUNT, "CTDIvol": _doubles(1),
    "TablePosition": _doubles(1), "DataCollectionCenterPatient": _doubles(3), "TableHeight": DECIMAL,
}  # fmt: skip
MR: Mapping[str, Slot] = {
    **IMAGE, "IntervalsAcquired": COUNT, "IntervalsRejected": COUNT, "HeartRate": COUNT, "SAR": DECIMAL,
}  # fmt: skip
MEASUREMENTS = 8  # of a structured report, each with its value, its time and its UID
