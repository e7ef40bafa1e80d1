"""Solr's configset, generated from the attribute table; `python -m dicomdex.schema DIR` writes the built-in one.

Capitalised fields are DICOM keywords; lower-case fields are dicomdex's own. Attributes are kept as docValues only,
save lists (docValues lose order and repeats), free text, and what is too long or no value of its VR, which are stored.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from hashlib import sha256
from importlib import resources
from pathlib import Path
from xml.sax.saxutils import quoteattr

import orjson

from dicomdex.attributes import ATTRIBUTES, Attribute, Table
from dicomdex.fields import Field, fields_of

TABLE_FILE = "attributes.json"  # the table that a collection was made by lies in its configset

FIELD_TYPES = """\
  <fieldType name="string" class="solr.StrField" sortMissingLast="true" docValues="true" uninvertible="false"/>
  <fieldType name="plong" class="solr.LongPointField" sortMissingLast="true" docValues="true" uninvertible="false"/>
  <fieldType name="pdouble" class="solr.DoublePointField" sortMissingLast="true" docValues="true" uninvertible="false"/>
  <fieldType name="pdate" class="solr.DatePointField" sortMissingLast="true" docValues="true" uninvertible="false"/>
  <!-- Matches are sorted by values, never by score: nothing needs norms. -->
  <fieldType name="text" class="solr.TextField" omitNorms="true" positionIncrementGap="100" uninvertible="false">
    <analyzer>
      <charFilter name="patternReplace" pattern="[\\u0300-\\u036f]+" replacement=""/>
      <tokenizer name="standard"/>
      <filter name="cjkWidth"/>
      <filter name="asciiFolding"/>
      <filter name="lowercase"/>
    </analyzer>
  </fieldType>
  <!-- Person names by prefix: a family name of one character is a name; no token is longer than 15 characters. -->
  <fieldType name="pn" class="solr.TextField" omitNorms="true" positionIncrementGap="100" uninvertible="false">
    <analyzer type="index">
      <charFilter name="patternReplace" pattern="[\\u0300-\\u036f]+" replacement=""/>
      <tokenizer name="pattern" pattern="[\\\\^=,\\s]+"/>
      <filter name="cjkWidth"/>
      <filter name="asciiFolding"/>
      <filter name="lowercase"/>
      <filter name="edgeNGram" minGramSize="1" maxGramSize="15"/>
    </analyzer>
    <analyzer type="query">
      <charFilter name="patternReplace" pattern="[\\u0300-\\u036f]+" replacement=""/>
      <tokenizer name="pattern" pattern="[\\\\^=,\\s]+"/>
      <filter name="cjkWidth"/>
      <filter name="asciiFolding"/>
      <filter name="lowercase"/>
      <filter name="truncate" prefixLength="15"/>
    </analyzer>
  </fieldType>
  <!-- Tags of a header, one text: asked for, never counted or shown, so neither positions nor docValues. -->
  <fieldType name="tags" class="solr.TextField" omitNorms="true" omitTermFreqAndPositions="true" uninvertible="false">
    <analyzer>
      <tokenizer name="whitespace"/>
      <filter name="uppercase"/>
    </analyzer>
  </fieldType>
"""

# What is not indexed is docValues alone: sums, exports, and what is only shown. A text that every document has its own
# of is dear as docValues, whose terms are sorted and merged: it has them only where something sorts or exports by it.
OWN_FIELDS: tuple[Field, ...] = (
    Field("level", "string"),  # study | series | instance | copy
    Field("study", "string"),  # StudyInstanceUID or none.<hash>: the id's prefix
    Field("series", "string"),
    Field("series_id", "string", indexed=False),  # id of the series' document: a UID may occur in several studies
    Field("drop", "string", multiple=True),
    Field("file_id", "string", stored=True, doc_values=False),  # of a study or series: of its representative instance
    Field("path", "string", stored=True, doc_values=False),
    Field("member", "string", indexed=False),
    Field("run", "string"),
    Field("parser", "string"),
    Field("schema", "string", indexed=False),
    Field("indexed_at", "pdate", indexed=False),
    Field("warnings", "string", multiple=True),
    Field("index_warning", "string"),
    Field("state", "string"),  # of a copy: duplicate | conflict
    Field("primary", "string"),  # of a copy: file_id of the primary
    Field("bytes", "plong"),  # roll-up: bytes of the level's instances
    Field("size", "plong", indexed=False),
    Field("mtime", "plong", indexed=False),
    Field("pixel_offset", "plong", indexed=False),
    Field("pixel_length", "plong", indexed=False),
    Field("bucket", "plong"),  # 0..4095, of the id
    Field("id_lo", "plong", indexed=False),
    Field("id_hi", "plong", indexed=False),
    Field("digest_lo", "plong", indexed=False),
    Field("digest_hi", "plong", indexed=False),
    Field("tags_present_ss", "tags"),
    Field("representative_instance", "string"),  # of a study or series: SOP Instance UID of its representative
    # Roll-ups under their names of PS3.4 C.6 and PS3.18
    Field("ModalitiesInStudy", "string", stored=True, multiple=True),
    Field("SOPClassesInStudy", "string", stored=True, multiple=True),
    Field("NumberOfStudyRelatedSeries", "plong"),
    Field("NumberOfStudyRelatedInstances", "plong"),
    Field("NumberOfSeriesRelatedInstances", "plong"),
    Field("first_date", "pdate"),
    Field("last_date", "pdate"),
)
_GIVEN = """\
  <field name="id" type="string" indexed="true" stored="true" required="true"/>
  <field name="_version_" type="plong" indexed="false" stored="false"/>
  <field name="_text_" type="text" indexed="true" stored="false" multiValued="true"/>
  <field name="DicomUrl" type="string" indexed="false" stored="true" docValues="false"/>
  <field name="frame_offsets" type="string" indexed="false" stored="true" docValues="false"/>"""


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _field(field: Field) -> str:
    flags = f'indexed="{_flag(field.indexed)}" stored="{_flag(field.stored)}"'
    if not field.doc_values:
        flags += ' docValues="false"'
    if field.multiple:
        flags += ' multiValued="true"'
    return f'  <field name={quoteattr(field.name)} type="{field.type}" {flags}/>'


def schema_xml(attributes: Table = ATTRIBUTES) -> str:
    """The whole schema.xml: field types, id and versions, our own fields, the attributes, the copied fields."""
    fields = [field for attribute in attributes for field in fields_of(attribute)]
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        "<!-- Generated from include/dicomdex/attributes_table.py by `make configset`; not edited by hand. -->",
        '<schema name="dicom" version="1.7">',
        FIELD_TYPES.rstrip("\n"),
        _GIVEN,
        *map(_field, (*OWN_FIELDS, *fields)),
        "  <uniqueKey>id</uniqueKey>",
        *(f'  <copyField source="{a.keyword}" dest="_text_"/>' for a in attributes if a.search),
        *(f'  <copyField source="{field.copy_of}" dest="{field.name}"/>' for field in fields if field.copy_of),
        "</schema>",
    ]
    return "\n".join(lines) + "\n"


def configset(attributes: Table = ATTRIBUTES) -> dict[str, bytes]:
    """The configset of a table, file name -> bytes; solrconfig.xml is a package resource, so a zip will do."""
    return {
        "schema.xml": schema_xml(attributes).encode("utf-8"),
        "solrconfig.xml": resources.files("configsets").joinpath("dicom", "solrconfig.xml").read_bytes(),
        TABLE_FILE: table_json(attributes),
    }


def table_json(attributes: Table) -> bytes:
    """The table as it lies beside schema.xml, one attribute a line."""
    lines = [orjson.dumps(attribute.as_dict()).decode() for attribute in attributes]
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode("utf-8")


def attributes_of_configset(files: Mapping[str, bytes]) -> Table:
    """The table of a configset by its attributes.json; the built-in one for a configset without it."""
    found = files.get(TABLE_FILE)
    return tuple(Attribute.of_dict(one) for one in orjson.loads(found)) if found else ATTRIBUTES


def schema_digest(files: Mapping[str, bytes]) -> str:
    """First 12 hex digits of the SHA-256 over the configset's files: names the configset and the schema."""
    digest = sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + files[name] + b"\0")
    return digest.hexdigest()[:12]


if __name__ == "__main__":
    for file_name, content in configset().items():
        Path(sys.argv[1], file_name).write_bytes(content)
