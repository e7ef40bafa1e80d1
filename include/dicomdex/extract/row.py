"""The file row: what became of one file of a drop, and the Arrow schema of the catalog's `files` table."""

from __future__ import annotations

import hashlib

import pyarrow as pa

from dicomdex.attributes import ATTRIBUTES, Attribute, Kind

COLUMN_TYPES: dict[Kind, pa.DataType] = {
    **dict.fromkeys(("string", "text", "name", "time", "datetime", "age"), pa.string()),
    **dict.fromkeys(("strings", "texts", "names"), pa.list_(pa.string())),
    "int": pa.int64(),
    "ints": pa.list_(pa.int64()),
    "float": pa.float64(),
    "floats": pa.list_(pa.float64()),
    "date": pa.date32(),
    "dates": pa.list_(pa.date32()),
}


def column_fields(attribute: Attribute) -> list[pa.Field]:
    """The columns of an attribute; a date has one more, for text that is no date."""
    fields = [pa.field(attribute.column, COLUMN_TYPES[attribute.kind])]
    if attribute.raw_column is not None:
        fields.append(pa.field(attribute.raw_column, pa.list_(pa.string()) if attribute.multiple else pa.string()))
    return fields


# What a header gives; `tags_present`: its top-level tags, `GGGGEEEE` joined by blanks.
PROMOTED_FIELDS = [
    *(field for attribute in ATTRIBUTES for field in column_fields(attribute)),
    pa.field("tags_present", pa.string()),
]

# Columns of the Parquet files; the table has the partition column `drop_key` (string) besides.
ROW_SCHEMA = pa.schema(
    [
        pa.field("file_id", pa.string()),  # blake2b-128 of (drop key, path, member), 32 hex digits
        pa.field("path", pa.string()),  # relative to the landing area, bytes percent-escaped
        # Name inside an archive, escaped like a path, else null. A name that comes again is `name#2`, `name#3` in the
        # archive's order (the next number that is free), an empty one `#1`; of one over 8,000 characters the first
        # 7,900, `#` and the blake2b-128 of its bytes. `#rest` stands for members lost behind those of a long stream.
        pa.field("member", pa.string()),
        pa.field("size", pa.int64()),  # bytes; of a member, its own
        pa.field("mtime", pa.int64()),  # nanoseconds since the epoch, as listed; of a member, its archive's
        pa.field("outcome", pa.string()),  # record | reject | ignored | container
        pa.field("reason", pa.string()),  # reject reason, ignore rule
        pa.field("detail", pa.string()),  # one sentence; where it is known, the offset
        pa.field("warnings", pa.list_(pa.string())),  # `rule` or `rule gggg,eeee`; never a value
        pa.field("study", pa.string()),  # StudyInstanceUID or `none.<hash>`; never null in a record
        pa.field("series", pa.string()),  # SeriesInstanceUID or `none.<hash>`; never null in a record
        *PROMOTED_FIELDS,
        pa.field("header", pa.string()),  # DICOM JSON model, PS3.18 Annex F; bulk over 1 KB as a reference
        pa.field("header_digest", pa.string()),  # SHA-256 of the raw bytes before the pixel data, hex
        pa.field("pixel_offset", pa.int64()),  # first byte of the pixel data element's value, in the file or member
        pa.field("pixel_length", pa.int64()),  # bytes; -1 = undefined length (encapsulated)
        pa.field("frame_offsets", pa.list_(pa.int64())),
        pa.field("parser", pa.string()),  # `pydicom 3.0.2`
        pa.field("manifest_id", pa.string()),
        pa.field("listing_seq", pa.int64()),
        pa.field("batch", pa.int32()),
        pa.field("run_id", pa.string()),
        pa.field("extracted_at", pa.timestamp("us", tz="UTC")),
    ]
)

FILES_SCHEMA = ROW_SCHEMA.append(pa.field("drop_key", pa.string()))


def file_id(drop_key: str, path: str, member: str | None = None) -> str:
    """blake2b-128 over (drop key, path, member), each ended by a NUL that none of them can hold."""
    text = "\0".join((drop_key, path, member or "")) + "\0"
    return hashlib.blake2b(text.encode("utf-8"), digest_size=16).hexdigest()
