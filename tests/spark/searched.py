"""A made hospital in Solr, and the same hospital as plain rows: what a search must find, by looking at every row."""

from __future__ import annotations

import random
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import orjson

from dicomdex.adapters.solr import Solr
from dicomdex.attributes import Level
from dicomdex.schema import configset, schema_digest
from dicomdex.search import Filter, Query

Row = dict[str, Any]
Matches = Callable[[Row], bool]

STUDIES = 240  # above the 100 values from which Solr's `unique` may be an estimate
NAMES = ("MEIER^ANNA", "Meier^Bo", "O'Hara^Zoë", "李^四=Li^Si", "van der Maximilianhausen^K", "(MEIER)^=,*?")
DESCRIPTIONS = ("Knee T2-weighted", "KNEE left", "chest/abdomen", "Schädel, nativ", "=1+1", None)
BODY_PARTS = ("KNEE", "CHEST", 'A"B:C*', None)
AGES = {"003D": 3, "018W": 126, "006M": 182, "040Y": 14610, "041Y": 14975}
SERIES_LEVEL = ("Modality", "BodyPartExamined", "SeriesDescription", "series", "series_id", "SeriesInstanceUID")
KEY: dict[Level, str] = {"study": "study", "series": "series_id", "instance": "id"}
STUDY_LEVEL = ("study", "StudyInstanceUID", "StudyDate", "PatientName", "PatientID", "PatientSex", "PatientAge",
               "PatientAge_days", "StudyTime", "StudyTime_seconds")  # fmt: skip


def hospital(seed: int = 7) -> list[Row]:
    """Instances with everything of their series and study; level `copy` for what is not primary."""
    draw = random.Random(seed)
    rows: list[Row] = []
    for number in range(STUDIES):
        study = _study(draw, f"1.2.{number}")
        for place in range(draw.randint(1, 3)):
            uid = f"1.2.{number}.{place}"
            twice = f"1.2.{number - 1}.0" if number % 10 == 1 and place == 0 else uid  # a UID in two studies
            series = {**study, **_series(draw, twice), "series_id": f"{study['study']}!s.{twice}"}
            rows += [_instance(draw, series, f"{uid}.{at}") for at in range(draw.randint(1, 4))]
    return rows


def documents(rows: list[Row]) -> list[Row]:
    """The documents of all levels, with the roll-ups that apply makes."""
    made = list(rows)
    instances = [row for row in rows if row["level"] == "instance"]
    levels: tuple[tuple[Level, tuple[str, ...]], ...] = (("series", STUDY_LEVEL + SERIES_LEVEL), ("study", STUDY_LEVEL))
    for level, names in levels:
        members: dict[str, list[Row]] = {}
        for row in instances:
            members.setdefault(row[KEY[level]], []).append(row)
        for key, own in members.items():
            shown = {name: own[0][name] for name in names if name in own[0]}
            rolled_up = {"drop": sorted({drop for row in own for drop in row["drop"]})}
            if level == "study":
                rolled_up["ModalitiesInStudy"] = sorted({row["Modality"] for row in own if "Modality" in row})
            made.append({**shown, **rolled_up, "id": key if level == "series" else f"{key}!study", "level": level})
    return made


def put(solr: Solr, name: str, made: list[Row], *, shards: int) -> None:
    """A collection of these documents, with an alias of its own name before it."""
    files = configset()
    config = f"{name}_{schema_digest(files)}"
    solr.upload_configset(config, files)
    solr.create_collection(f"{name}_1", config, shards=shards)
    solr.post(f"{name}_1", orjson.dumps(made))
    solr.commit(f"{name}_1")
    solr.point_alias(name, f"{name}_1")


def keys(rows: Iterable[Row], query: Query, but: str = "") -> dict[str, list[Row]]:
    """The matches of a query by the key of its level, each with the instances that make it one."""
    wanted = [_meets(one) for one in query.filters if one.field != but] + [_says(query.text)]
    found: dict[str, list[Row]] = {}
    for row in rows:
        if (row["level"] == "instance" or query.copies) and all(one(row) for one in wanted):
            found.setdefault(row[KEY[query.level]], []).append(row)
    return found


def counted(rows: Iterable[Row], query: Query, field: str) -> tuple[dict[Any, int], int]:
    """A facet: value -> matches with it, were there no filter on its own field; and matches without a value."""
    values: Counter[Any] = Counter()
    none = 0
    for members in keys(rows, query, but=field).values():
        values.update({value for row in members for value in _values(row, field)})
        none += any(field not in row for row in members)
    return dict(values), none


@cache
def words_of(text: str) -> list[str]:
    """Words as the analyzers of text make them: without accents, in lower case."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).lower()
    return "".join(c if c.isalnum() or c == "'" else " " for c in plain).split()


def _values(row: Row, field: str) -> list[Any]:
    value = row.get(field, [])
    return value if isinstance(value, list) else [value]


def _meets(wanted: Filter) -> Matches:
    field = {"PatientAge": "PatientAge_days", "StudyTime": "StudyTime_seconds"}.get(wanted.field, wanted.field)

    def meets(row: Row) -> bool:
        values = _values(row, field)
        if any(_is(field, one, value) for one in wanted.values for value in values) or (wanted.missing and not values):
            return True
        if wanted.prefix and any(_begins(field, wanted.prefix, value) for value in values):
            return True
        ranged = bool(wanted.low or wanted.high)
        return ranged and any(_between(field, wanted.low, wanted.high, value) for value in values)

    return meets


def _number(field: str, text: str, *, last: bool) -> Any:
    """One end of a range as documents hold it."""
    if field == "PatientAge_days":
        return AGES[text.zfill(4)]
    if field == "StudyTime_seconds":
        return int(text[:2]) * 3600 + (3599 if last else 0)
    if field == "StudyDate":
        return text + ("-99" if last else "-00") if len(text) == 7 else text
    return float(text)


def _is(field: str, wanted: str, value: Any) -> bool:
    return (
        value == wanted if isinstance(value, str) and field != "StudyDate" else _between(field, wanted, wanted, value)
    )


def _between(field: str, low: str, high: str, value: Any) -> bool:
    value = value[:10] if field == "StudyDate" else value
    after = not low or _number(field, low, last=False) <= value
    return after and (not high or value <= _number(field, high, last=True))


def _begins(field: str, prefix: str, value: str) -> bool:
    if field == "PatientName":
        cut, begun = (_parts(text) for text in (value, prefix))
        return all(any(word.startswith(one) for word in cut) for one in begun)
    if field == "SeriesDescription":
        return all(any(word.startswith(one) for word in words_of(value)) for one in words_of(prefix))
    return value.startswith(prefix)


@cache
def _parts(name: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c)).lower()
    return plain.translate(str.maketrans("^=,", "   ")).split()


def _says(text: str) -> Matches:
    searched = ("PatientName", "PatientID", "SeriesDescription", "Modality", "BodyPartExamined")

    if not text:
        return lambda row: True

    def says(row: Row) -> bool:
        found = {word for name in searched for word in words_of(row.get(name, ""))}
        return all(word in found for word in words_of(text))

    return says


def _study(draw: random.Random, uid: str) -> Row:
    age = draw.choice(list(AGES))
    hour = draw.randint(0, 23)
    study = {
        "study": uid,
        "StudyInstanceUID": uid,
        "StudyDate": f"2026-{draw.randint(1, 3):02}-{draw.randint(1, 28):02}T00:00:00Z",
        "StudyTime": f"{hour:02}3000",
        "StudyTime_seconds": hour * 3600 + 1800,
        "PatientName": draw.choice(NAMES),
        "PatientID": f"P{draw.randint(1, 40)}",
        "PatientSex": draw.choice(("F", "M", None)),
        "PatientAge": age,
        "PatientAge_days": AGES[age],
    }
    return {name: value for name, value in study.items() if value is not None}


def _series(draw: random.Random, uid: str) -> Row:
    series = {
        "series": uid,
        "SeriesInstanceUID": uid,
        "Modality": draw.choice(("CT", "MR", "MR", "SR", None)),
        "BodyPartExamined": draw.choice(BODY_PARTS),
        "SeriesDescription": draw.choice(DESCRIPTIONS),
    }
    return {name: value for name, value in series.items() if value is not None}


def _instance(draw: random.Random, series: Row, uid: str) -> Row:
    copy = draw.random() < 0.05 and not uid.endswith(".0")
    own = {
        "level": "copy" if copy else "instance",
        "id": f"{series['study']}!{'c' if copy else 'i'}.{uid}",
        "SOPInstanceUID": uid,
        "drop": [draw.choice(("monday", "tuesday"))],
        "Rows": draw.choice((64, 512, 512, None)),
        "ImageType": draw.choice((["ORIGINAL", "PRIMARY"], ["DERIVED", "PRIMARY", "PRIMARY"], None)),
        "SliceThickness": draw.choice((-1.5, 0.5, 5.0, None)),
    }
    return {**series, **{name: value for name, value in own.items() if value is not None}}
