"""The Solr fields that an attribute becomes, each with its type and the Spark SQL that takes it from the columns.

A value over 32,766 bytes of UTF-8 (Lucene's limit of one term) would cost the whole document: it goes to the
stored-only field `<Keyword>_raw`, a list as soon as all its values together are longer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dicomdex.attributes import Attribute, Kind
from dicomdex.attributes_kinds import AGE, DATE_TIME, OFFSET, TIME

TERM_MAX = 32_766  # bytes, IndexWriter.MAX_TERM_LENGTH
TIMEZONE = "timezone_offset_from_utc"  # column of (0008,0201)
_WRITTEN = ("AE", "AT", "CS", "LO", "PN", "SH", "UI", "UR")  # VRs of texts that are compared whole, PS3.5 table 6.2-1
DAYS = {"D": "1D", "W": "7D", "M": "30.4375D", "Y": "365.25D"}  # a month is a twelfth of 365.25 days; rounded down


@dataclass(frozen=True)
class Field:
    """One field of Solr's schema; `sql` over a file row gives its value, `copy_of` names the field it is copied from.

    A field that is not indexed and has docValues sorts, counts and answers values and ranges too, by a scan.
    """

    name: str
    type: str
    sql: str = ""
    multiple: bool = False
    indexed: bool = True
    stored: bool = False
    doc_values: bool = True  # as the field's type has it: texts have none
    copy_of: str = ""


def fields_of(attribute: Attribute) -> tuple[Field, ...]:
    """The fields of an attribute: its keyword's first, then those derived from the same value."""
    return tuple(_BY_KIND[attribute.kind](attribute))


def column_names(attribute: Attribute) -> list[str]:
    """The columns that `fields_of` reads."""
    names = [attribute.column, attribute.raw_column]
    if attribute.kind == "datetime":
        names.append(TIMEZONE)
    return [name for name in names if name]


def _raw(attribute: Attribute, sql: str) -> Field:
    return Field(f"{attribute.keyword}_raw", "string", sql, indexed=False, stored=True, doc_values=False)


def unless_too_long(text: str) -> str:
    """SQL of a text, null where Lucene would refuse it as one term."""
    return f"if({_too_long(text)}, null, {text})"


def _too_long(text: str) -> str:
    return f"octet_length({text}) > {TERM_MAX}"


def _looked_up(attribute: Attribute) -> bool:
    """Whether its values are worth an index, 1 us of Solr's CPU a document; without one docValues are scanned.

    Texts that people choose, type or ask by QIDO-RS, and UIDs; of numbers and days only what QIDO-RS asks for.
    """
    if attribute.vr in _WRITTEN:
        return attribute.qido or attribute.facet or attribute.search or attribute.vr == "UI"
    return attribute.qido


def _string(attribute: Attribute, *, indexed: bool | None = None) -> Iterator[Field]:
    """A text of one value, whole; null where it is too long."""
    column = attribute.column
    found = _looked_up(attribute) if indexed is None else indexed
    yield Field(attribute.keyword, "string", unless_too_long(column), indexed=found)
    yield _raw(attribute, f"if({_too_long(column)}, {column}, null)")
    if attribute.text:
        yield Field(f"{attribute.keyword}_txt", "text", copy_of=attribute.keyword)


def _strings(attribute: Attribute) -> Iterator[Field]:
    """Stored, since docValues lose order and repeats."""
    column, together = attribute.column, f"array_join({attribute.column}, '\\\\')"
    kept = f"if({_too_long(together)}, null, {column})"
    yield Field(attribute.keyword, "string", kept, multiple=True, indexed=_looked_up(attribute), stored=True)
    yield _raw(attribute, f"if({_too_long(together)}, {together}, null)")
    if attribute.text:
        yield Field(f"{attribute.keyword}_txt", "text", multiple=True, copy_of=attribute.keyword)


def _text(attribute: Attribute) -> Iterator[Field]:
    """Free text is cut into words, which are never too long."""
    yield Field(attribute.keyword, "text", attribute.column, multiple=attribute.multiple, stored=True)


def _name(attribute: Attribute) -> Iterator[Field]:
    """PN: the raw text, and all of it by prefix; of names in the default search each component group by prefix.

    The groups (PS3.5 section 6.2.1) of every name would cost Solr a tenth of its time.
    """
    yield from _strings(attribute) if attribute.multiple else _string(attribute)
    yield Field(f"{attribute.keyword}_pn", "pn", multiple=attribute.multiple, copy_of=attribute.keyword)
    if attribute.search:
        yield from _groups(attribute)


def _groups(attribute: Attribute) -> Iterator[Field]:
    text = f"array_join({attribute.column}, '\\\\')" if attribute.multiple else attribute.column
    kept, several = unless_too_long(text), f"contains({text}, '=')"
    yield Field(f"{attribute.keyword}_alphabetic", "pn", f"if({several}, {_group(kept, 1)}, {kept})")
    yield Field(f"{attribute.keyword}_ideographic", "pn", f"if({several}, {_group(kept, 2)}, null)")
    yield Field(f"{attribute.keyword}_phonetic", "pn", f"if({several}, {_group(kept, 3)}, null)")


def _group(text: str, number: int) -> str:
    """One component group of each name; several names stand behind one another, as the analyzer cuts them anyway."""
    name = r"([^=\\\\]*)(?:=([^=\\\\]*))?(?:=([^\\\\]*))?(\\\\|$)"
    return f"nullif(trim(regexp_replace({text}, '{name}', '${number} ')), '')"


def _number(solr_type: str) -> Callable[[Attribute], Iterator[Field]]:
    def fields(attribute: Attribute) -> Iterator[Field]:
        many = attribute.multiple
        indexed = _looked_up(attribute)
        yield Field(attribute.keyword, solr_type, attribute.column, multiple=many, indexed=indexed, stored=many)

    return fields


def _date(attribute: Attribute) -> Iterator[Field]:
    """DA: a day; what is none stays as it was written."""
    many, column = attribute.multiple, attribute.raw_column
    indexed = _looked_up(attribute)
    yield Field(attribute.keyword, "pdate", attribute.column, multiple=many, indexed=indexed, stored=many)
    yield _raw(attribute, f"array_join({column}, '\\\\')" if many else str(column))


def _time(attribute: Attribute) -> Iterator[Field]:
    """TM: as written, and the second of the day it begins."""
    yield from _string(attribute, indexed=False)
    column, six = attribute.column, f"rpad({attribute.column}, 6, '0')"
    hours, minutes, seconds = (f"cast(substring({six}, {at}, 2) AS bigint)" for at in (1, 3, 5))
    sql = f"if({column} rlike '^{TIME}$', {hours} * 3600 + {minutes} * 60 + {seconds}, null)"
    yield Field(f"{attribute.keyword}_seconds", "plong", sql, indexed=False)


def _datetime(attribute: Attribute) -> Iterator[Field]:
    """DT: the instant it begins, in UTC by its own offset or else (0008,0201); without either it counts as UTC."""
    column = attribute.column
    valid = f"{column} rlike '^{DATE_TIME}$'"
    digits = f"regexp_extract({column}, '^[0-9]+', 0)"
    fraction = f"rpad(regexp_extract({column}, '[.]([0-9]+)', 1), 6, '0')"
    own, general = f"regexp_extract({column}, '{OFFSET}$', 0)", f"regexp_extract({TIMEZONE}, '^{OFFSET}$', 0)"
    offset = f"coalesce(nullif({own}, ''), nullif({general}, ''), '+0000')"
    whole = f"concat({digits}, substring('00000101000000', length({digits}) + 1))"
    instant = f"try_to_timestamp(concat({whole}, '.', {fraction}, {offset}), 'yyyyMMddHHmmss.SSSSSSxx')"
    known = f"if({valid}, {instant}, null)"
    names = "'year', 'month', 'day', 'hour', 'minute', 'second'"
    parts = f"if(contains({column}, '.'), 'fraction', element_at(array({names}), int(length({digits}) / 2) - 1))"
    yield Field(attribute.keyword, "pdate", known, indexed=False)
    yield Field(f"{attribute.keyword}_precision", "string", f"if(({known}) is null, null, {parts})", indexed=False)
    yield _raw(attribute, column)


def _age(attribute: Attribute) -> Iterator[Field]:
    """AS: as written, and in days."""
    yield from _string(attribute, indexed=False)
    column = attribute.column
    unit = " ".join(f"when '{letter}' then {days}" for letter, days in DAYS.items())
    days = (
        f"cast(floor(cast(substring({column}, 1, 3) AS bigint) * case substring({column}, 4, 1) {unit} end) AS bigint)"
    )
    yield Field(f"{attribute.keyword}_days", "plong", f"if({column} rlike '^{AGE}$', {days}, null)", indexed=False)


_BY_KIND: dict[Kind, Callable[[Attribute], Iterator[Field]]] = {
    "string": _string,
    "strings": _strings,
    "text": _text,
    "texts": _text,
    "name": _name,
    "names": _name,
    "int": _number("plong"),
    "ints": _number("plong"),
    "float": _number("pdouble"),
    "floats": _number("pdouble"),
    "date": _date,
    "dates": _date,
    "time": _time,
    "datetime": _datetime,
    "age": _age,
}
