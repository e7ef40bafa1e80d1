"""File rows of generated series: the columns as the walker gives them and a header of 7 KB that agrees with them.

A series has one header, written once as a text with 45 places; its instances fill these in. So the headers of a series
are alike as real ones are, and Parquet's zstd makes of them what it makes of real ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from random import Random
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from dicomdex.attributes import ATTRIBUTES, Attribute
from dicomdex.extract.row import ROW_SCHEMA, file_id
from tests.bench.collection_values import Modality, Values

PRIVATE_FIXED, PRIVATE_VARYING = 36, 31  # elements of a private block: of the series, and of each instance
COMMENT = "x" * 64
POSITION = 0x00200032  # Image Position (Patient), the one list of three places
EXTRACTED = datetime(2026, 1, 1, tzinfo=UTC)
# Keyword -> its places in a header's text, in ascending order of tags.
VARYING = {
    "InstanceCreationTime": '"%s"', "SOPInstanceUID": '"%s"', "AcquisitionTime": '"%s"', "ContentTime": '"%s"',
    "ExposureTime": "%d", "XRayTubeCurrent": "%d", "AcquisitionNumber": "%d", "InstanceNumber": "%d",
    "ImagePositionPatient": "%.1f,%.1f,%.1f", "SliceLocation": "%.1f", "WindowCenter": "%d", "WindowWidth": "%d",
}  # fmt: skip


@dataclass(frozen=True)
class Series:
    """A series as it is planned: `number` counts all series, `first` the instances of all series before it."""

    number: int
    first: int
    instances: int
    modality: Modality
    values: Values

    @property
    def uid(self) -> str:
        """Series Instance UID."""
        return str(self.values["SeriesInstanceUID"])


def rows_of(drop: str, series: Sequence[Series]) -> pa.Table:
    """ROW_SCHEMA, a row an instance, in the order of the series."""
    of_series = np.repeat(np.arange(len(series)), [one.instances for one in series])
    at = np.concatenate([np.arange(one.instances) for one in series])
    paths = [f"{drop}/{one.number:06d}/{place:04d}.dcm" for one in series for place in range(one.instances)]
    columns = _constant(series, of_series) | _instances(series, at, of_series)
    headers, tags = _headers(series, columns)
    size = np.array([one.modality.side**2 * 2 for one in series])[of_series]
    columns |= {
        "file_id": [file_id(drop, path) for path in paths],
        "path": paths,
        "size": size + np.array([len(header) for header in headers]),
        "header": headers,
        "header_digest": [sha256(uid.encode()).hexdigest() for uid in columns["sop_instance_uid"]],
        "tags_present": pa.array(tags).take(pa.array(of_series)),
        "pixel_offset": np.array([len(header) for header in headers]),
        "pixel_length": size,
    }
    return _table(columns, len(at))


def _table(columns: Mapping[str, Any], rows: int) -> pa.Table:
    every = {
        "mtime": pa.repeat(pa.scalar(1_767_225_600_000_000_000), rows), "outcome": pa.repeat("record", rows),
        "parser": pa.repeat("walker 1", rows), "manifest_id": pa.repeat("bench", rows),
        "listing_seq": pa.repeat(1, rows), "batch": pa.repeat(0, rows), "run_id": pa.repeat("bench", rows),
        "extracted_at": pa.repeat(pa.scalar(EXTRACTED), rows), "warnings": pa.array([[]] * rows, pa.list_(pa.string())),
        **columns,
    }  # fmt: skip
    arrays = [
        pa.nulls(rows, field.type) if field.name not in every else _typed(every[field.name], field.type)
        for field in ROW_SCHEMA
    ]
    return pa.Table.from_arrays(arrays, schema=ROW_SCHEMA)


def _typed(values: Any, kind: pa.DataType) -> Any:
    return values.cast(kind) if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, kind)


def _constant(series: Sequence[Series], of_series: Any) -> dict[str, Any]:
    """Columns that are the same in all instances of a series."""
    take = pa.array(of_series)
    columns: dict[str, Any] = {}
    for attribute in ATTRIBUTES:
        values = [one.values.get(attribute.keyword) for one in series]
        if any(value is not None for value in values):
            columns[attribute.column] = pa.array(values, ROW_SCHEMA.field(attribute.column).type).take(take)
    for name, keyword in (("study", "StudyInstanceUID"), ("series", "SeriesInstanceUID")):
        columns[name] = pa.array([one.values[keyword] for one in series]).take(take)
    return columns


def _instances(series: Sequence[Series], at: Any, of_series: Any) -> dict[str, Any]:
    """Columns of which each instance has its own value."""
    uids = [f"{one.uid}.{place + 1}" for one in series for place in range(one.instances)]
    seconds = np.array([hash_of(one.number, 40_000) for one in series])[of_series] + at
    times = [f"{7 + s // 3600:02d}{s // 60 % 60:02d}{s % 60:02d}" for s in seconds.tolist()]
    position = np.stack([np.full(len(at), -180.5), np.full(len(at), -180.5), at * 2.5 - 300], axis=1)
    offsets = np.arange(len(at) + 1, dtype=np.int32)
    return {
        "sop_instance_uid": uids,
        "instance_number": at + 1,
        "acquisition_number": at // 4 + 1,
        **dict.fromkeys(("instance_creation_time", "acquisition_time", "content_time"), times),
        "image_position_patient": pa.ListArray.from_arrays(offsets * 3, position.ravel()),
        "slice_location": position[:, 2],
        "window_center": pa.ListArray.from_arrays(offsets, (at % 7 * 50.0)),
        "window_width": pa.ListArray.from_arrays(offsets, 300.0 + at % 5 * 100),
        "exposure_time": 500 + at % 300,
        "x_ray_tube_current": 100 + at * 7 % 500,
    }


def _headers(series: Sequence[Series], columns: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """(header of each row, tags of each series)."""
    texts: list[str] = []
    tags: list[str] = []
    start = 0
    for one in series:
        template, present = header_template(one)
        private = np.random.default_rng(one.number).integers(1000, 10**7, (one.instances, PRIVATE_VARYING))
        rows = zip(_places(columns, start, one.instances), private.tolist(), strict=True)
        texts += [template % (*places, *numbers) for places, numbers in rows]
        tags.append(present)
        start += one.instances
    return texts, tags


def _places(columns: Mapping[str, Any], start: int, count: int) -> Iterator[tuple[Any, ...]]:
    """The values of the places of a header, in the order of their tags."""
    part = {keyword: columns[_COLUMNS[keyword].column][start : start + count] for keyword in VARYING}
    flat = {name: _flat(column) for name, column in part.items() if name != "ImagePositionPatient"}
    x, y, z = (part["ImagePositionPatient"].flatten().to_numpy()[axis::3].tolist() for axis in range(3))
    before = [flat[name] for name in VARYING if _COLUMNS[name].tag < POSITION and name in flat]
    after = [flat[name] for name in VARYING if _COLUMNS[name].tag > POSITION]
    return zip(*before, x, y, z, *after, strict=True)


def _flat(column: Any) -> list[Any]:
    """One value a row of a column of texts, numbers, or lists of one."""
    if isinstance(column, pa.ListArray):
        return list(column.flatten().to_pylist())
    return column if isinstance(column, list) else list(column.tolist())


def header_template(one: Series) -> tuple[str, str]:
    """A series' header as text with places for `%`, in ascending order of tags, and its tags."""
    elements = {key: _element(vr, values) for key, (vr, values) in _elements(one.values).items()}
    for keyword, place in VARYING.items():
        attribute = _COLUMNS[keyword]
        elements[f"{attribute.tag:08X}"] = f'{{"vr":"{attribute.vr}","Value":[{place}]}}'
    elements |= _private(one.number)
    ordered = sorted(elements)
    return "{" + ",".join(f'"{key}":{elements[key]}' for key in ordered) + "}", " ".join(ordered)


def _elements(values: Values) -> dict[str, tuple[str, list[Any]]]:
    """Key -> (VR, values) of a series' own attributes, those of a sequence in one item, PS3.18 section F.2.2."""
    found: dict[str, tuple[str, list[Any]]] = {}
    for keyword, attribute in _COLUMNS.items():
        if keyword in values:
            vr, json = attribute.vr, _json(attribute, values[keyword])
            key = f"{attribute.tag:08X}"
            for step in reversed(attribute.path):
                key, json, vr = f"{step.tag:08X}", [{key: {"vr": vr, "Value": json}}], "SQ"
            found[key] = vr, json
    return found


def _json(attribute: Attribute, value: Any) -> list[Any]:
    values = value if attribute.multiple else [value]
    if attribute.vr == "PN":
        return [{"Alphabetic": one} for one in values]
    return [one.strftime("%Y%m%d") if isinstance(one, date) else one for one in values]


def _element(vr: str, values: list[Any]) -> str:
    return orjson.dumps({"vr": vr, "Value": values}).decode().replace("%", "%%")


def _private(number: int) -> dict[str, str]:
    """A block of private elements (PS3.5 section 7.8): its creator, numbers and texts, then the varying ones."""
    draw = Random(f"private {number}")
    block = {"00430010": '{"vr":"LO","Value":["GEMS_PARM_01"]}'}
    for place in range(PRIVATE_FIXED):
        text = f"{draw.randrange(10**6)}\\\\{draw.uniform(0, 9):.6f}\\\\{COMMENT[: 8 * (place % 9)]}"
        block[f"004310{place:02X}"] = f'{{"vr":"LO","Value":["{text}"]}}'
    for place in range(PRIVATE_VARYING):
        block[f"004310{place + 0x60:02X}"] = '{"vr":"DS","Value":[%d]}'
    return block


def hash_of(number: int, below: int) -> int:
    """A number below another, the same every time."""
    return int.from_bytes(sha256(str(number).encode()).digest()[:6]) % below


_COLUMNS = {attribute.keyword: attribute for attribute in sorted(ATTRIBUTES, key=lambda one: one.steps[0].tag)}
