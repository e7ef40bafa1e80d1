"""What an attribute of the table is: its tag and path, VR, level and kind; the kind decides columns and fields."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

Level = Literal["study", "series", "instance"]
Kind = Literal[
    "string", "strings", "text", "texts", "name", "names", "int", "ints", "float", "floats", "date", "dates",
    "time", "datetime", "age",
]  # fmt: skip
LEVELS: tuple[Level, ...] = ("study", "series", "instance")
LISTS: frozenset[Kind] = frozenset(("strings", "texts", "names", "ints", "floats", "dates"))

# VR -> (kind of one value, kind of several), PS3.5 table 6.2-1. Several times, date-times or ages stay text.
KINDS_OF_VR: dict[str, tuple[Kind, Kind]] = {
    **dict.fromkeys(("AE", "AT", "CS", "LO", "SH", "UI", "UR"), ("string", "strings")),
    **dict.fromkeys(("LT", "ST", "UC", "UT"), ("text", "texts")),
    **dict.fromkeys(("IS", "SL", "SS", "SV", "UL", "US", "UV"), ("int", "ints")),
    **dict.fromkeys(("DS", "FD", "FL"), ("float", "floats")),
    "PN": ("name", "names"),
    "DA": ("date", "dates"),
    "TM": ("time", "strings"),
    "DT": ("datetime", "strings"),
    "AS": ("age", "strings"),
}

# PS3.5 table 6.2-1, as patterns that Python's re and Java's regex read alike; second 60 is a leap second.
TIME = "([01][0-9]|2[0-3])([0-5][0-9](([0-5][0-9]|60)([.][0-9]{1,6})?)?)?"
OFFSET = "[+-](0[0-9]|1[0-4])[0-5][0-9]"
DATE_TIME = f"[0-9]{{4}}(([0-9]{{2}}){{0,5}}|[0-9]{{10}}[.][0-9]{{1,6}})({OFFSET})?"
AGE = "[0-9]{3}[DWMY]"


class Step(NamedTuple):
    """One element on the way to a value; of a private one `tag` is gggg00ee and the block is its creator's."""

    tag: int
    creator: str = ""


@dataclass(frozen=True)
class Attribute:
    """One attribute; `keyword` is its Solr field: the keyword of PS3.6, nested ones joined by `_`."""

    keyword: str
    tag: int
    vr: str
    level: Level
    kind: Kind
    facet: bool = False
    search: bool = False  # copied into the default search field
    text: bool = False  # a description: searchable by word in `<keyword>_txt` besides
    qido: bool = False  # must be matched by QIDO-RS, PS3.18 table 10.6.1-5
    path: tuple[Step, ...] = ()  # the sequences above it; the values of all their items count
    creator: str = ""  # of a private attribute, PS3.5 section 7.8.1

    @cached_property
    def column(self) -> str:
        """Name of the catalog column: the keyword in snake case."""
        return snake_case(self.keyword)

    @cached_property
    def multiple(self) -> bool:
        """Whether column and field hold a list: VM of PS3.6 allows several values, or it lies in a sequence."""
        return self.kind in LISTS

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """All elements from the top of the header down to the value."""
        return (*self.path, Step(self.tag, self.creator))

    @cached_property
    def raw_column(self) -> str | None:
        """Column of the text that is no date, where the attribute is one: the date column is null then."""
        return f"{self.column}_raw" if self.kind in ("date", "dates") else None

    def as_dict(self) -> dict[str, Any]:
        """JSON-able; `of_dict` makes it an attribute again."""
        flags = {name: True for name in _FLAGS if getattr(self, name)}
        steps = [_step_text(step) for step in self.steps]
        return {"keyword": self.keyword, "steps": steps, "vr": self.vr, "level": self.level, "kind": self.kind, **flags}

    @classmethod
    def of_dict(cls, found: dict[str, Any]) -> Attribute:
        """The attribute that `as_dict` wrote; what a later version may have added to it is passed over."""
        *path, leaf = (_step(text) for text in found["steps"])
        return cls(
            found["keyword"],
            leaf.tag,
            found["vr"],
            found["level"],
            found["kind"],
            facet=bool(found.get("facet")),
            search=bool(found.get("search")),
            text=bool(found.get("text")),
            qido=bool(found.get("qido")),
            path=tuple(path),
            creator=leaf.creator,
        )


_FLAGS = ("facet", "search", "text", "qido")


def snake_case(keyword: str) -> str:
    """`SOPInstanceUID` -> `sop_instance_uid`, `OtherPatientIDs` -> `other_patient_ids`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z](?!s(?![a-z]))[a-z])", "_", keyword).lower()


def _step_text(step: Step) -> str:
    return f"{step.tag:08X} {step.creator}".rstrip()


def _step(text: str) -> Step:
    return Step(int(text[:8], 16), text[9:])
