"""Who lies in the generated hospital: patients, studies, series and the values of their instances.

Everything is a function of the seed and of numbers, so any part can be made again without the rest: the next day
repeats instances of the day before by asking for them. Names, ids and descriptions hold the canary `ZZCANARY`,
which a test looks for where no value of a patient may be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from hashlib import blake2b

from pydicom.charset import convert_encodings
from pydicom.valuerep import PersonName

from dicomdex_local.sample_templates import Template, template

CANARY = "ZZCANARY"
PATIENTS = 400  # of a hospital; they come again on other days
Values = Mapping[str, bytes]

# Specific Character Set and a given name that needs it, PS3.3 C.12.1.1.2; the last three are of PS3.5 H, I and J.
GIVEN_NAMES = (
    ("ISO_IR 100", "Jérôme"),
    ("ISO_IR 192", "Zoë Łucja"),
    ("ISO_IR 144", "Людмила"),
    ("ISO_IR 126", "Διονυσία"),
    ("ISO_IR 100", "Ada"),
    ("\\ISO 2022 IR 87", "Tarou=山田^太郎=やまだ^たろう"),
    ("\\ISO 2022 IR 149", "Gildong=洪^吉洞=홍^길동"),
    ("GB18030", "XiaoDong=王^小东"),
)


@dataclass(frozen=True)
class SeriesPlan:
    """A series as it is planned: pydicom's file, description, instances at least and at most."""

    source: str
    description: str
    least: int
    most: int


@dataclass(frozen=True)
class StudyPlan:
    """A kind of study: description, body part and its series in order."""

    description: str
    body_part: str
    series: tuple[SeriesPlan, ...]


# The first plan is that of each day's study 0: its first series has room for the odd ones (sample_odd.py).
STUDY_PLANS = (
    StudyPlan("CT thorax", "CHEST", (
        SeriesPlan("CT_small", "axial", 26, 34), SeriesPlan("693_J2KI", "lung", 20, 40),
        SeriesPlan("reportsi", "report", 1, 1),
    )),
    StudyPlan("MR head", "HEAD", (
        SeriesPlan("MR_small", "T1", 12, 24), SeriesPlan("MR_small_implicit", "T2", 12, 24),
        SeriesPlan("MR_small_RLE", "FLAIR", 10, 20), SeriesPlan("MR_small_jp2klossless", "DWI", 10, 30),
    )),
    StudyPlan("US abdomen", "ABDOMEN", (
        SeriesPlan("ExplVR_BigEnd", "liver", 4, 10), SeriesPlan("SC_rgb_rle", "captures", 1, 4),
    )),
    StudyPlan("RT pelvis", "PELVIS", (
        SeriesPlan("CT_small", "planning", 10, 20), SeriesPlan("rtplan", "plan", 1, 1),
        SeriesPlan("rtdose_1frame", "dose", 1, 6),
    )),
    StudyPlan("NM heart", "HEART", (
        SeriesPlan("JPGExtended", "stress", 4, 12), SeriesPlan("reportsi", "findings", 1, 2),
    )),
    StudyPlan("CT liver", "ABDOMEN", (
        SeriesPlan("693_J2KI", "portal", 20, 50), SeriesPlan("liver_1frame", "segments", 1, 2),
    )),
)  # fmt: skip


def number(below: int, *names: object) -> int:
    """A number from 0 to `below` - 1 that depends on the names alone."""
    digest = blake2b("|".join(map(str, names)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % below


def uid(*names: object) -> str:
    """A UID of the 2.25 arc, PS3.5 B.2: always 39 digits, and below 2^128 as a UUID has to be."""
    digest = blake2b("|".join(map(str, names)).encode(), digest_size=16).digest()
    return f"2.25.{10**38 + int.from_bytes(digest, 'big') % (2**128 - 10**38)}"


def _ascii(**values: object) -> dict[str, bytes]:
    return {keyword: str(value).encode("ascii") for keyword, value in values.items()}


def _clock(second: int, micro: int = 0) -> str:
    return f"{second // 3600 % 24:02d}{second // 60 % 60:02d}{second % 60:02d}.{micro:06d}"


def _dicom_date(day: date) -> str:
    return day.strftime("%Y%m%d")


@dataclass(frozen=True)
class Patient:
    """Patient `number` of the hospital `seed`."""

    seed: str
    number: int

    @cached_property
    def values(self) -> Values:
        """The patient's own attributes, PS3.3 C.7.1.1, and the character set of the name."""
        character_set, given = GIVEN_NAMES[self.number % len(GIVEN_NAMES)]
        name = PersonName(f"{CANARY}^{given}").encode(convert_encodings(character_set.split("\\")))
        return {
            "SpecificCharacterSet": character_set.encode("ascii"),
            "PatientName": name,
            **_ascii(
                PatientID=f"{CANARY}-P{self.number:06d}",
                PatientBirthDate=_dicom_date(self.born),
                PatientSex="FMO"[self.number % 3],
                PatientSize=f"1.{50 + self.number % 50}",
                PatientWeight=45 + self.number % 60,
            ),
        }

    @property
    def born(self) -> date:
        """The date of birth, from 1930 to 2015."""
        return date(1930, 1, 1) + timedelta(days=number(31_000, self.seed, "born", self.number))


@dataclass(frozen=True)
class Study:
    """Study `number` of a day."""

    seed: str
    day: date
    number: int

    @cached_property
    def patient(self) -> Patient:
        """Whose study it is."""
        return Patient(self.seed, number(PATIENTS, self.seed, "patient", self.day, self.number))

    @property
    def plan(self) -> StudyPlan:
        """Which kind of study it is."""
        chosen = number(len(STUDY_PLANS), self.seed, "plan", self.day, self.number)
        return STUDY_PLANS[chosen if self.number else 0]

    @property
    def start(self) -> int:
        """When it began, in seconds of the day."""
        return 7 * 3600 + number(10 * 3600, self.seed, "start", self.day, self.number)

    @cached_property
    def values(self) -> Values:
        """The attributes of the patient and of the study, PS3.3 C.7.2."""
        of_day = 10_000 * (self.day.toordinal() % 1000) + self.number
        return {
            **self.patient.values,
            **_ascii(
                PatientAge=f"{(self.day - self.patient.born).days // 365:03d}Y",
                StudyInstanceUID=uid(self.seed, "study", self.day, self.number),
                StudyID=f"S{self.number}",
                StudyDate=_dicom_date(self.day),
                StudyTime=_clock(self.start),
                AccessionNumber=f"{CANARY}{of_day:08d}",
                StudyDescription=f"{self.plan.description} {CANARY} {self.number}",
                ReferringPhysicianName=f"{CANARY}^REF{self.number % 23}",
                InstitutionName=f"Hospital {self.number % 3}",
            ),
        }

    def series(self) -> Iterator[Series]:
        """The study's series in order."""
        for position, plan in enumerate(self.plan.series):
            length = plan.least + number(1 + plan.most - plan.least, self.seed, self.day, self.number, position)
            yield Series(self, position, plan, length)


@dataclass(frozen=True)
class Series:
    """A series of a study with its number of instances; `taken` is its day where that is not the study's."""

    study: Study
    number: int
    plan: SeriesPlan
    length: int
    taken: date | None = None

    @property
    def day(self) -> date:
        """The day on which its instances were made."""
        return self.taken or self.study.day

    @cached_property
    def template(self) -> Template:
        """The file its instances are copies of."""
        return template(self.plan.source)

    @cached_property
    def values(self) -> Values:
        """The attributes of the series and the equipment, PS3.3 C.7.3 and C.7.5, with those of the study."""
        study, names = self.study, (self.study.seed, self.study.day, self.study.number, self.number)
        return {
            **study.values,
            **_ascii(
                SeriesInstanceUID=uid("series", *names),
                SeriesNumber=self.number + 1,
                SeriesDate=_dicom_date(self.day),
                SeriesTime=_clock(study.start + 300 * self.number),
                SeriesDescription=f"{self.plan.description} {CANARY}",
                ProtocolName=f"{study.plan.description} {self.plan.description} v{study.number % 4}",
                StationName=f"{study.plan.description[:2]}{study.number % 5}",
                DeviceSerialNumber=f"SN{number(10**6, 'device', study.number % 5)}",
                BodyPartExamined=study.plan.body_part,
                FrameOfReferenceUID=uid("frame of reference", *names),
            ),
        }

    @cached_property
    def content(self) -> bytes:
        """The template with everything filled that all instances of the series share."""
        return self.template.filled(self.values)
