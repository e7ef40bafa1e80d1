"""The attributes of this installation, and the lists that come from them: facets, sorts, names of QIDO-RS.

Catalog columns, Solr's schema, documents, facets and docs all come from one table: the built-in one
(`attributes_table.ATTRIBUTES`) and what `DICOMDEX_EXTRA_ATTRIBUTES` adds. A Solr field is the keyword of PS3.6, so
that the white paper's twelve names stay as they were; a catalog column is the keyword in snake case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicomdex.attributes_kinds import KINDS_OF_VR, LEVELS, LISTS, Attribute, Kind, Level, Step, snake_case
from dicomdex.attributes_table import ATTRIBUTES, WHITE_PAPER_FIELDS

if TYPE_CHECKING:
    from dicomdex.settings import Settings

__all__ = [
    "ATTRIBUTES", "BY_KEYWORD", "KINDS_OF_VR", "LEVELS", "LISTS", "WHITE_PAPER_FIELDS", "Attribute", "Kind", "Level",
    "Step", "Table", "facets", "is_promoted", "of_level", "qido_fields", "snake_case", "sort_fields", "table",
]  # fmt: skip

Table = tuple[Attribute, ...]

BY_KEYWORD: dict[str, Attribute] = {attribute.keyword: attribute for attribute in ATTRIBUTES}
_PROMOTED = {(attribute.column, attribute.steps, attribute.kind) for attribute in ATTRIBUTES}


def table(settings: Settings) -> Table:
    """The built-in attributes and those of DICOMDEX_EXTRA_ATTRIBUTES; SettingsError names an entry that can't be."""
    if not settings.extra_attributes.strip():
        return ATTRIBUTES
    from dicomdex.attributes_extra import parse  # pydicom's dictionary: 0.2 s that nobody else needs

    return (*ATTRIBUTES, *parse(settings.extra_attributes))


def is_promoted(attribute: Attribute) -> bool:
    """Whether the catalog has a column for it; the value of any other comes from the header."""
    return (attribute.column, attribute.steps, attribute.kind) in _PROMOTED


def of_level(level: Level, attributes: Table = ATTRIBUTES) -> Table:
    """Attributes shown on a document of this level: its own and those of the levels above (PS3.4 section C.6)."""
    wanted = LEVELS[: LEVELS.index(level) + 1]
    return tuple(attribute for attribute in attributes if attribute.level in wanted)


def facets(attributes: Table = ATTRIBUTES) -> tuple[str, ...]:
    """Fields that people count by, in the order of the table."""
    return tuple(attribute.keyword for attribute in attributes if attribute.facet)


def sort_fields(attributes: Table = ATTRIBUTES) -> dict[str, str]:
    """Keyword -> the field to sort by: every attribute of one value, but free text."""
    single = (a for a in attributes if not a.multiple and a.kind != "text")
    return {a.keyword: f"{a.keyword}_days" if a.kind == "age" else a.keyword for a in single}


def qido_fields(level: Level, attributes: Table = ATTRIBUTES) -> dict[str, str]:
    """Name in a QIDO-RS query -> field, for what this level matches: PS3.18 table 10.6.1-5 and all it has besides.

    Names are keywords and tags, those of sequences joined by `.` (PS3.18 section 8.3.4.1): `00400275.00400009`.
    """
    names = {"ModalitiesInStudy": "ModalitiesInStudy", "00080061": "ModalitiesInStudy"} if level == "study" else {}
    for attribute in of_level(level, attributes):
        if any(step.creator for step in attribute.steps):
            continue
        names[".".join(f"{step.tag:08X}" for step in attribute.steps)] = attribute.keyword
        names[attribute.keyword.replace("_", ".")] = attribute.keyword
    return names
