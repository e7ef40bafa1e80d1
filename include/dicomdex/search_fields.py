"""What can be searched, and how: the allow-list of fields, made of the attribute table and dicomdex's own fields.

A field is written as its DICOM keyword or dicomdex's own name. Its shape says which values it takes and which clauses
a condition on it becomes; its levels say on which documents it is found (PS3.4 C.6).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from dicomdex.attributes import ATTRIBUTES, LEVELS, Attribute, Kind, Level
from dicomdex.errors import QueryRefused
from dicomdex.fields import fields_of

Shape = Literal["exact", "text", "name", "int", "float", "date", "datetime", "time", "age", "tag"]

# A kind that is not here is compared as it is written.
SHAPES: dict[Kind, Shape] = {
    "text": "text",
    "texts": "text",
    "name": "name",
    "names": "name",
    "int": "int",
    "ints": "int",
    "float": "float",
    "floats": "float",
    "date": "date",
    "dates": "date",
    "datetime": "datetime",
    "time": "time",
    "age": "age",
}
# Where a range is looked up, if not in the field itself.
COUNTED_IN: dict[Shape, str] = {"age": "_days", "time": "_seconds"}
TAGS_PRESENT = "tags_present_ss"
PATIENT_GROUP = 0x0010
# Of group 0010, PS3.3 C.7.1 and C.7.2: what many share, so that a command line may show it.
SHARED_BY_MANY = frozenset({"PatientSex", "PatientAge", "PatientSize", "PatientWeight"})
ORDER_NUMBERS = frozenset({"AccessionNumber", "AdmissionID"})
# What a study's document has in place of its series' and instances' attributes, PS3.4 C.6.2.
ROLLED_UP = {"Modality": "ModalitiesInStudy", "SOPClassUID": "SOPClassesInStudy"}
_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_WRITABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,127}")


@dataclass(frozen=True)
class Field:
    """One searchable field. Its Solr field has its name; numbers made of it (days, seconds) lie in `number`.

    `levels` are the documents whose own value it is; those above may have it `rolled_up`, or show a representative's.
    """

    name: str
    shape: Shape
    levels: tuple[Level, ...]
    number: str
    multiple: bool = False
    facet: bool = False
    sortable: bool = False
    patient: bool = False  # its values tell who the patient is
    words: str = ""  # the field with its words, cut and lower-case
    rolled_up: Mapping[Level, str] = field(default_factory=dict)
    represented: bool = False
    shown_only: bool = False  # a column, and no condition

    def on(self, level: Level) -> str:
        """The Solr field that holds its values on documents of this level; empty where they have none."""
        return self.name if level in self.levels else self.rolled_up.get(level, "")

    def shown_on(self, level: Level) -> str:
        """The Solr field that a column shows; empty where there is none."""
        return self.on(level) or (self.name if self.represented else "")


def _own(
    name: str, shape: Shape, levels: Iterable[Level] = LEVELS, *, facet: bool = False, multiple: bool = False
) -> Field:
    return Field(name, shape, tuple(levels), name, multiple=multiple, facet=facet, sortable=not multiple)


def _of_file(name: str, *, facet: bool = False, shown_only: bool = False) -> Field:
    """What says where a file came from; documents of series and studies have their representative's.

    Sorted by where many files share a value: a text that each has of its own is dear as docValues.
    """
    return Field(
        name, "exact", ("instance",), name, facet=facet, sortable=facet, represented=True, shown_only=shown_only
    )


OWN_FIELDS: tuple[Field, ...] = (
    _own("id", "exact"),
    _own("level", "exact"),
    _own("study", "exact"),
    _own("series", "exact", ("series", "instance")),
    _of_file("file_id"),
    _of_file("path"),
    _of_file("DicomUrl", shown_only=True),
    _of_file("parser", facet=True),
    _of_file("run", facet=True),
    Field("drop", "exact", ("instance",), "drop", multiple=True, facet=True,
          rolled_up={"study": "drop", "series": "drop"}),
    _own("index_warning", "exact", facet=True),
    _own("warnings", "exact", ("instance",), facet=True, multiple=True),
    _own("state", "exact", ("instance",), facet=True),
    _own("primary", "exact", ("instance",)),
    _own("member", "exact", ("instance",)),
    _own("size", "int", ("instance",)),
    _own("bytes", "int", ("study", "series")),
    _own("representative_instance", "exact", ("study", "series")),
    _own("ModalitiesInStudy", "exact", ("study",), facet=True, multiple=True),
    _own("SOPClassesInStudy", "exact", ("study",), facet=True, multiple=True),
    _own("NumberOfStudyRelatedSeries", "int", ("study",), facet=True),
    _own("NumberOfStudyRelatedInstances", "int", ("study",), facet=True),
    _own("NumberOfSeriesRelatedInstances", "int", ("series",), facet=True),
    _own("first_date", "date", ("study", "series"), facet=True),
    _own("last_date", "date", ("study", "series"), facet=True),
)  # fmt: skip


def identifies(attribute: Attribute) -> bool:
    """Whether a value may tell who the patient is.

    Names, order numbers, what lies in group 0010 but for sex, age, size and weight, and what is private, since nobody
    knows what that holds.
    """
    if attribute.keyword in SHARED_BY_MANY:
        return False
    in_group = any(step.tag >> 16 == PATIENT_GROUP or step.creator for step in attribute.steps)
    return in_group or attribute.vr == "PN" or attribute.keyword in ORDER_NUMBERS


def _of_attribute(attribute: Attribute) -> Field:
    shape = SHAPES.get(attribute.kind, "exact")
    identifying = identifies(attribute)
    words = [made.name for made in fields_of(attribute) if made.copy_of]
    roll_up = ROLLED_UP.get(attribute.keyword)
    return Field(
        name=attribute.keyword,
        shape=shape,
        levels=LEVELS[LEVELS.index(attribute.level) :],
        number=attribute.keyword + COUNTED_IN.get(shape, ""),
        multiple=attribute.multiple,
        facet=not identifying and (attribute.facet or shape in ("int", "float", "date", "datetime", "age")),
        sortable=not attribute.multiple and shape != "text",
        patient=identifying,
        words=attribute.keyword if shape == "text" else words[0] if words else "",
        rolled_up={"study": roll_up} if roll_up else {},
    )


class Fields:
    """The allow-list. `known` are the fields of the collection that is searched, where they are known.

    A collection keeps the table it was built by: an attribute added since is refused until the next rebuild.
    """

    def __init__(self, attributes: Iterable[Attribute] = ATTRIBUTES, known: frozenset[str] | None = None) -> None:
        self._known = known
        every = (*OWN_FIELDS, *map(_of_attribute, attributes))
        self._all = {one.name: self._as_kept(one) for one in every}

    def __iter__(self) -> Iterator[Field]:
        return (one for one in self._all.values() if self.has(one.name))

    def __getitem__(self, name: str) -> Field:
        """By keyword or own name; any tag `GGGGEEEE` of a header's top level may be asked to be missing."""
        if _TAG.fullmatch(name) and self.has(TAGS_PRESENT):
            return Field(name.upper(), "tag", ("instance",), "")
        found = self._all.get(name)
        if found is None:
            said = f"no attribute {name}" if _WRITABLE.fullmatch(name) else "no attribute of that name"
            raise QueryRefused(f"{said} can be searched: docs/reference/attributes.md lists all")
        if not self.has(name):
            raise QueryRefused(f"the collection has no {name} yet: rebuild it")
        return found

    def _as_kept(self, one: Field) -> Field:
        """A collection of an older version may lack what is derived from a value; the value itself is compared then."""
        shape = one.shape if self.has(one.number) else "exact"
        number = one.number if self.has(one.number) else one.name
        return replace(one, shape=shape, number=number, words=one.words if self.has(one.words) else "")

    def has(self, solr_field: str) -> bool:
        """Whether the collection has a Solr field of this name, as far as is known."""
        return self._known is None or solr_field in self._known

    def of_text(self) -> tuple[str, ...]:
        """The Solr fields that free text is looked up in; all of them hold lower-case words."""
        names = [one.words for one in self._all.values() if one.shape == "name" and self.has(one.words)]
        return ("_text_", *names)
