"""One instance of the generated hospital: its UIDs, the values that differ inside a series, its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

from dicomdex_local.sample_studies import CANARY, Series, Study, uid

LATER = 1_000  # instance numbers of a series begin here where it goes on the next day


@dataclass(frozen=True)
class Instance:
    """Instance `number` of a series, counted from 0."""

    series: Series
    number: int

    @cached_property
    def sop_instance_uid(self) -> str:
        """Its SOP Instance UID."""
        study = self.series.study
        return uid(study.seed, "instance", study.day, study.number, self.series.number, self.number)

    @property
    def values(self) -> dict[str, bytes]:
        """The attributes that differ from one instance of a series to the next."""
        values = {"SOPInstanceUID": self.sop_instance_uid, **self._times(), **self._acquired(), **self._exposed()}
        return {keyword: value.encode("ascii") for keyword, value in values.items()}

    def content(self, changes: dict[str, bytes] | None = None) -> bytes:
        """The whole file; `changes` are values that replace the instance's own."""
        return self.series.template.filled({**self.values, **(changes or {})}, self.series.content)

    def _times(self) -> dict[str, str]:
        """Dates and times, PS3.3 C.7.6.1 and C.12.1: a slice a second, written to disk some seconds later."""
        day = self.series.day.strftime("%Y%m%d")
        second = self.series.study.start + 300 * self.series.number + self.number
        taken, made = (f"{s // 3600 % 24:02d}{s // 60 % 60:02d}{s % 60:02d}" for s in (second, second + 7))
        micro = f"{self.number * 7919 % 1_000_000:06d}"
        return {
            "InstanceCreationDate": day,
            "InstanceCreationTime": f"{made}.{micro}",
            "ContentDate": day,
            "ContentTime": f"{made}.000000",
            "AcquisitionDate": day,
            "AcquisitionTime": f"{taken}.{micro}",
            "AcquisitionDateTime": f"{day}{taken}.{micro}",
        }

    def _acquired(self) -> dict[str, str]:
        """Numbers, positions, MR timing; a template takes those it has a slot for."""
        n, s = self.number, self.series.study.number
        position = -120.5 + 2.5 * (n % LATER)
        return {
            "InstanceNumber": str(n + 1),
            "InstanceCreatorUID": uid("creator", self.sop_instance_uid),
            "AcquisitionNumber": str(1 + n // 2),
            "ImageComments": f"{CANARY} comment {s}.{n}",
            "DerivationDescription": f"slice {n} of series {self.series.number} {CANARY}",
            "WindowCenter": str(40 + n % 50),
            "WindowWidth": str(350 + n % 70),
            "ImagePositionPatient": f"{-150 + s % 9}\\{-150 - n % 7}\\{position}",
            "SliceLocation": str(position),
            "RepetitionTime": str(400 + 10 * (n % 30)),
            "EchoTime": f"{8 + 0.25 * (n % 50)}",
            "InversionTime": str(100 + 5 * (n % 40)),
            "TriggerTime": str(20 * n),
            "FlipAngle": str(10 + n % 80),
            "MagneticFieldStrength": "1.5" if s % 2 else "3",
        }

    def _exposed(self) -> dict[str, str]:
        """What a CT scanner says of each slice, PS3.3 C.8.2.1."""
        n = self.number
        return {
            "IrradiationEventUID": uid("irradiation event", self.sop_instance_uid),
            "KVP": str((80, 100, 120, 140)[n % 4]),
            "ExposureTime": str(500 + n % 90),
            "XRayTubeCurrent": str(150 + 3 * (n % 80)),
            "Exposure": str(75 + n % 60),
            "TableHeight": f"{140 + 0.5 * (n % 40)}",
            "GeneratorPower": str(20 + n % 30),
            "DistanceSourceToDetector": f"{1000 + 0.1 * (n % 60):.1f}",
            "DistanceSourceToPatient": f"{540 + 0.1 * (n % 60):.1f}",
            "DataCollectionDiameter": str(500 + n % 25),
            "ReconstructionDiameter": str(320 + n % 45),
            "GantryDetectorTilt": f"{0.5 * (n % 20)}",
        }


def continued(seed: str, previous: date, day: date) -> list[Series]:
    """The study that is spread over two days: its first series goes on, and two series of today are added.

    Instance numbers of all of them begin at `LATER`, so that no UID of the day before comes again by chance.
    """
    first = next(Study(seed, previous, 0).series())
    return [
        Series(first.study, first.number, first.plan, 6, taken=day),
        *(Series(first.study, 50 + n, first.plan, 4, taken=day) for n in range(2)),
    ]
