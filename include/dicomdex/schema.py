"""Solr's schema.xml, generated from the attribute table; `python -m dicomdex.schema DIR` writes it.

Capitalised fields are DICOM keywords; lower-case fields are dicomdex's own. Attributes are kept as docValues only,
save lists (docValues lose order and repeats) and free text, which are stored.
"""

from __future__ import annotations

import hashlib
import sys
from importlib import resources
from pathlib import Path
from xml.sax.saxutils import quoteattr

from dicomdex.attributes import ATTRIBUTES, Attribute, Kind

SOLR_TYPES: dict[Kind, str] = {
    "string": "string",
    "strings": "string",
    "text": "text",
    "name": "string",
    "int": "plong",
    "ints": "plong",
    "float": "pdouble",
    "floats": "pdouble",
    "date": "pdate",
}

FIELD_TYPES = """\
  <fieldType name="string" class="solr.StrField" sortMissingLast="true" docValues="true" uninvertible="false"/>
  <fieldType name="plong" class="solr.LongPointField" docValues="true" uninvertible="false"/>
  <fieldType name="pdouble" class="solr.DoublePointField" docValues="true" uninvertible="false"/>
  <fieldType name="pdate" class="solr.DatePointField" docValues="true" uninvertible="false"/>
  <fieldType name="text" class="solr.TextField" positionIncrementGap="100" uninvertible="false">
    <analyzer>
      <tokenizer name="standard"/>
      <filter name="asciiFolding"/>
      <filter name="lowercase"/>
    </analyzer>
  </fieldType>
  <fieldType name="pn" class="solr.TextField" positionIncrementGap="100" uninvertible="false">
    <analyzer type="index">
      <tokenizer name="pattern" pattern="[\\^=,\\s]+"/>
      <filter name="asciiFolding"/>
      <filter name="lowercase"/>
      <filter name="edgeNGram" minGramSize="2" maxGramSize="15" preserveOriginal="true"/>
    </analyzer>
    <analyzer type="query">
      <tokenizer name="pattern" pattern="[\\^=,\\s]+"/>
      <filter name="asciiFolding"/>
      <filter name="lowercase"/>
    </analyzer>
  </fieldType>
"""

# name, type, multiValued, indexed, stored. A field that is neither is docValues alone: sums and exports.
OWN_FIELDS: tuple[tuple[str, str, bool, bool, bool], ...] = (
    ("level", "string", False, True, False),  # study | series | instance | copy
    ("study", "string", False, True, False),  # StudyInstanceUID or none.<hash>: the id's prefix
    ("series", "string", False, True, False),
    ("drop", "string", True, True, False),
    ("file_id", "string", False, True, False),
    ("path", "string", False, True, False),
    ("member", "string", False, False, False),
    ("run", "string", False, True, False),
    ("parser", "string", False, True, False),
    ("schema", "string", False, False, False),
    ("indexed_at", "pdate", False, False, False),
    ("warnings", "string", True, True, False),
    ("index_warning", "string", False, True, False),
    ("state", "string", False, True, False),  # of a copy: duplicate | conflict
    ("primary", "string", False, True, False),  # of a copy: file_id of the primary
    ("bytes", "plong", False, True, False),  # roll-up: bytes of the level's instances
    ("size", "plong", False, True, False),
    ("mtime", "plong", False, False, False),
    ("pixel_offset", "plong", False, False, False),
    ("pixel_length", "plong", False, False, False),
    ("bucket", "plong", False, True, False),  # 0..4095, of the id
    ("id_lo", "plong", False, False, False),
    ("id_hi", "plong", False, False, False),
    ("digest_lo", "plong", False, False, False),
    ("digest_hi", "plong", False, False, False),
    # Roll-ups under their names of PS3.4 C.6 and PS3.18
    ("ModalitiesInStudy", "string", True, True, True),
    ("SOPClassesInStudy", "string", True, True, True),
    ("NumberOfStudyRelatedSeries", "plong", False, True, False),
    ("NumberOfStudyRelatedInstances", "plong", False, True, False),
    ("NumberOfSeriesRelatedInstances", "plong", False, True, False),
    ("first_date", "pdate", False, True, False),
    ("last_date", "pdate", False, True, False),
)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _attribute_field(attribute: Attribute) -> str:
    solr_type = SOLR_TYPES[attribute.kind]
    stored = attribute.multiple or attribute.kind == "text"
    multiple = ' multiValued="true"' if attribute.multiple else ""
    name = quoteattr(attribute.keyword)
    return f'  <field name={name} type="{solr_type}" indexed="true" stored="{_flag(stored)}"{multiple}/>'


def _own_field(field: tuple[str, str, bool, bool, bool]) -> str:
    name, solr_type, multiple, indexed, stored = field
    many = ' multiValued="true"' if multiple else ""
    return f'  <field name="{name}" type="{solr_type}" indexed="{_flag(indexed)}" stored="{_flag(stored)}"{many}/>'


def schema_xml(attributes: tuple[Attribute, ...] = ATTRIBUTES) -> str:
    """The whole schema.xml: field types, id and versions, our own fields, the attributes, the copied fields."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<!-- Generated from include/dicomdex/attributes.py by `make configset`; not edited by hand. -->",
        '<schema name="dicom" version="1.7">',
        FIELD_TYPES.rstrip("\n"),
        '  <field name="id" type="string" indexed="true" stored="true" required="true"/>',
        '  <field name="_version_" type="plong" indexed="false" stored="false"/>',
        '  <field name="_root_" type="string" indexed="true" stored="false" docValues="false"/>',
        '  <field name="_text_" type="text" indexed="true" stored="false" multiValued="true"/>',
        '  <field name="DicomUrl" type="string" indexed="true" stored="false"/>',
        '  <field name="frame_offsets" type="string" indexed="false" stored="true" docValues="false"/>',
        *(_own_field(field) for field in OWN_FIELDS),
        *(_attribute_field(attribute) for attribute in attributes),
        *(
            f'  <field name="{a.keyword}_pn" type="pn" indexed="true" stored="false"/>'
            for a in attributes
            if a.kind == "name"
        ),
        "  <uniqueKey>id</uniqueKey>",
        *(f'  <copyField source="{a.keyword}" dest="_text_"/>' for a in attributes if a.search),
        *(f'  <copyField source="{a.keyword}" dest="{a.keyword}_pn"/>' for a in attributes if a.kind == "name"),
        "</schema>",
    ]
    return "\n".join(lines) + "\n"


def configset() -> dict[str, bytes]:
    """The committed configset, file name -> bytes; read as a package resource, so that it works from a zip too."""
    folder = resources.files("configsets").joinpath("dicom")
    return {name: folder.joinpath(name).read_bytes() for name in ("schema.xml", "solrconfig.xml")}


def schema_digest(files: dict[str, bytes]) -> str:
    """First 12 hex digits of the SHA-256 over the configset's files: names the configset and the schema."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + files[name] + b"\0")
    return digest.hexdigest()[:12]


if __name__ == "__main__":
    Path(sys.argv[1], "schema.xml").write_text(schema_xml(), encoding="utf-8")
