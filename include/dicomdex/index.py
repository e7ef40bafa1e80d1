"""What a Solr document holds, as Spark SQL text: one expression builds it for posting, comparing and validating.

Ids keep a study on one shard (compositeId): `<study>!i.<sop>`, `<study>!s.<series>`, `<study>!study`,
`<study>!c.<file_id>`. Null fields are dropped by `to_json`. The content digest is xxhash64 of the JSON text without
`run` and `indexed_at`, kept as two unsigned 32-bit halves because Solr's sums are doubles.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

import orjson
import xxhash

from dicomdex.attributes import ATTRIBUTES, Level, Table, of_level
from dicomdex.extract.promote import TAGS_PRESENT
from dicomdex.fields import column_names, fields_of, unless_too_long
from dicomdex.resolve import INDEXED

BUCKETS = 4096
HASH_SEED = 42  # Spark's xxhash64 starts from this seed
FRAME_OFFSETS_MAX = 4096  # characters of the stored list; longer ones are read from the catalog's file row
VOLATILE_FIELDS = ("run", "indexed_at", "_version_")  # differ between two equal collections
MINIMAL_FIELDS = (
    "id", "level", "study", "series", "series_id", "drop", "file_id", "path", "member", "run", "parser", "schema",
    "indexed_at", "state", "primary", "size", "mtime", "bucket", "id_lo", "id_hi", "digest_lo", "digest_hi",
    "SOPInstanceUID", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "DicomUrl", "representative_instance",
    "bytes", "first_date", "last_date",
    "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances", "NumberOfSeriesRelatedInstances",
)  # fmt: skip
JSON_OPTIONS = "map('dateFormat', \"yyyy-MM-dd'T'00:00:00'Z'\", 'timestampFormat', \"yyyy-MM-dd'T'HH:mm:ss.SSS'Z'\")"


class DocumentId(NamedTuple):
    """Where an id falls: its bucket and the unsigned halves of its xxhash64, as the document carries them."""

    bucket: int
    lo: int
    hi: int


def hashed(document_id: str) -> DocumentId:
    """The same numbers as Spark's `xxhash64(id)` gives; checked against Spark in the tests."""
    value = xxhash.xxh64_intdigest(document_id.encode("utf-8"), seed=HASH_SEED)
    return DocumentId(value & (BUCKETS - 1), value & 0xFFFFFFFF, value >> 32)


def _struct(fields: Iterable[tuple[str, str]]) -> str:
    return "named_struct(" + ", ".join(f"'{name}', {sql}" for name, sql in fields) + ")"


_PROVENANCE = [
    ("study", "study"),
    ("file_id", "file_id"),
    ("path", unless_too_long("path")),
    ("parser", "parser"),
    ("DicomUrl", "concat('/files/', file_id)"),
]
_SERIES_ID = "concat(study, '!s.', series)"
_WHERE_BYTES_ARE = [
    ("series", "series"),
    ("series_id", _SERIES_ID),
    ("drop", "array(drop_key)"),
    ("member", unless_too_long("member")),
    ("size", "size"),
    ("mtime", "mtime"),
    ("pixel_offset", "pixel_offset"),
    ("pixel_length", "pixel_length"),
    ("frame_offsets", f"if(length(array_join(frame_offsets, ',')) <= {FRAME_OFFSETS_MAX},"
                      " array_join(frame_offsets, ','), null)"),
    ("warnings", "if(size(warnings) > 0, warnings, null)"),
    ("tags_present_ss", TAGS_PRESENT),
]  # fmt: skip
_ROLL_UPS = [
    ("drop", "drops"),
    ("bytes", "bytes"),
    ("first_date", "first_date"),
    ("last_date", "last_date"),
    ("representative_instance", "representative_instance"),
]


def _attribute_fields(level: Level, attributes: Table) -> list[tuple[str, str]]:
    fields = (field for attribute in of_level(level, attributes) for field in fields_of(attribute))
    return [(field.name, field.sql) for field in fields if field.sql]


def shown_columns(level: Level, attributes: Table = ATTRIBUTES) -> list[str]:
    """The columns that the attributes of a document of this level are made of, each once."""
    names = (name for attribute in of_level(level, attributes) for name in column_names(attribute))
    return list(dict.fromkeys(names))


def record_fields(attributes: Table = ATTRIBUTES) -> list[tuple[str, str]]:
    """(field, SQL) of an instance or copy document, over a file row with `state` and `primary_file_id`.

    One list for both, so that the rows are read and a document's code is made once.
    """
    primary = f"state = '{INDEXED}'"
    head = [
        ("id", f"concat(study, if({primary}, '!i.', '!c.'), if({primary}, sop_instance_uid, file_id))"),
        ("level", f"if({primary}, 'instance', 'copy')"),
        ("state", f"nullif(state, '{INDEXED}')"),
        ("primary", f"if({primary}, null, primary_file_id)"),
    ]
    return head + _PROVENANCE + _WHERE_BYTES_ARE + _attribute_fields("instance", attributes)


def series_fields(attributes: Table = ATTRIBUTES) -> list[tuple[str, str]]:
    """(field, SQL) of a series document, over a series roll-up row."""
    head = [("id", _SERIES_ID), ("level", "'series'"), ("series", "series"), ("series_id", _SERIES_ID)]
    roll_ups = [("NumberOfSeriesRelatedInstances", "instances")]
    return head + _PROVENANCE + _ROLL_UPS + roll_ups + _attribute_fields("series", attributes)


def study_fields(attributes: Table = ATTRIBUTES) -> list[tuple[str, str]]:
    """(field, SQL) of a study document, over a study roll-up row."""
    head = [("id", "concat(study, '!study')"), ("level", "'study'")]
    roll_ups = [
        ("ModalitiesInStudy", "modalities"),
        ("SOPClassesInStudy", "sop_classes"),
        ("NumberOfStudyRelatedSeries", "series_count"),
        ("NumberOfStudyRelatedInstances", "instances"),
    ]
    return head + _PROVENANCE + _ROLL_UPS + roll_ups + _attribute_fields("study", attributes)


def content_sql(fields: list[tuple[str, str]], schema: str) -> str:
    """SQL of the JSON text that the content digest covers: all fields, sorted by name, and the schema's digest."""
    every = sorted([*fields, ("schema", f"'{_hex(schema)}'")])
    return f"to_json({_struct(every)}, {JSON_OPTIONS})"


def halves_sql(hash_column: str) -> tuple[str, str]:
    """SQL of the two unsigned 32-bit halves of a bigint hash: (lo, hi)."""
    return f"({hash_column} & 4294967295L)", f"(shiftrightunsigned({hash_column}, 32))"


def body_sql() -> str:
    """SQL of the document as it is posted, with a comma, over (content, id_hash, content_hash, tail).

    `tail` is `volatile_tail`'s text: what differs between two runs stays outside the digest.
    """
    id_lo, id_hi = halves_sql("id_hash")
    lo, hi = halves_sql("content_hash")
    return (
        # Cut as bytes, 10 us of CPU instead of 46: Spark counts a text's characters one by one.
        "concat(cast(substring(cast(content AS binary), 1, octet_length(content) - 1) AS string),"
        f" ',\"bucket\":', id_hash & {BUCKETS - 1}L, ',\"id_lo\":', {id_lo}, ',\"id_hi\":', {id_hi},"
        f" ',\"digest_lo\":', {lo}, ',\"digest_hi\":', {hi}, ',', tail, ',')"
    )


def volatile_tail(run: str, indexed_at: datetime) -> str:
    """The end of every document of one application: its run and time, as JSON text up to the closing brace."""
    at = indexed_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return orjson.dumps({"run": run, "indexed_at": at}).decode()[1:]


def _hex(text: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{1,64}", text):
        raise ValueError("a schema digest is hexadecimal")
    return text
