"""Columns that the catalog does not have, from the header, as Spark SQL: what `promote` would have given.

The header is parsed once into a map of its elements' JSON texts (PS3.18 Annex F); sequences are opened on the way to
a value. A private element lies in the block that its creator has reserved in this very data set (PS3.5 section 7.8.1).
"""

from __future__ import annotations

from dicomdex.attributes import Attribute, Step, Table, is_promoted

ELEMENTS = "elements"  # the map's column while the others are taken
ELEMENTS_SQL = "from_json(header, 'map<string,string>')"
_NAMES = "array<struct<Alphabetic:string,Ideographic:string,Phonetic:string>>"


def from_header(attributes: Table) -> list[Attribute]:
    """Those of the attributes that are no columns of the catalog."""
    return [attribute for attribute in attributes if not is_promoted(attribute)]


def header_columns(attributes: Table) -> list[tuple[str, str]]:
    """(column, SQL over the column `elements`) of each attribute that only the header has."""
    return [pair for attribute in from_header(attributes) for pair in _columns(attribute)]


def _columns(attribute: Attribute) -> list[tuple[str, str]]:
    values = _values(ELEMENTS, attribute.steps, attribute.vr, 0)
    if attribute.raw_column is None:
        return [(attribute.column, _typed(attribute, values))]
    day = "if(x rlike '^[0-9]{8}$', cast(try_to_timestamp(x, 'yyyyMMdd') AS date), null)"
    days = f"transform({values}, x -> {day})"
    if attribute.multiple:
        raw = f"filter({values}, x -> x is not null and {day} is null)"
        return [(attribute.column, _some(f"array_compact({days})")), (attribute.raw_column, _some(raw))]
    one = f"if(size({values}) = 1, {days}[0], null)"
    return [(attribute.column, one), (attribute.raw_column, f"if({one} is null, {_joined(values)}, null)")]


def _typed(attribute: Attribute, values: str) -> str:
    number = "double" if attribute.kind in ("float", "floats") else "bigint"
    match attribute.kind:
        case "int" | "float":
            return f"if(size({values}) = 1, try_cast({values}[0] AS {number}), null)"
        case "ints" | "floats":
            numbers = f"transform({values}, x -> try_cast(x AS {number}))"
            return _some(f"if(exists({numbers}, x -> x is null), null, {numbers})")
        case "strings" | "texts" | "names":
            return _some(f"transform({values}, x -> coalesce(x, ''))")
        case _:
            return _joined(values)


def _joined(values: str) -> str:
    return f"nullif(trim(array_join(transform({values}, x -> coalesce(x, '')), '\\\\')), '')"


def _some(values: str) -> str:
    return f"if(size({values}) > 0, {values}, null)"


def _values(elements: str, steps: tuple[Step, ...], vr: str, depth: int) -> str:
    """The texts of an element's values, of all items of the sequences on the way."""
    found, rest = _element(elements, steps[0]), steps[1:]
    if rest:
        item = f"item{depth}"
        inside = _values(item, rest, vr, depth + 1)
        items = f"from_json({found}, 'Value array<map<string,string>>').Value"
        return f"flatten(array_compact(transform({items}, {item} -> {inside})))"
    if vr == "PN":
        groups = "coalesce(n.Alphabetic, ''), coalesce(n.Ideographic, ''), coalesce(n.Phonetic, '')"
        return f"transform(from_json({found}, 'Value {_NAMES}').Value, n -> rtrim('=', concat_ws('=', {groups})))"
    return f"transform(from_json({found}, 'Value array<string>').Value, x -> trim(x))"


def _element(elements: str, step: Step) -> str:
    """The JSON text of one element."""
    tag = f"{step.tag:08X}"
    if not step.creator:
        return f"{elements}['{tag}']"
    creator = step.creator.replace("\\", "\\\\").replace("'", "\\'")
    reserved = f"k like '{tag[:4]}00__' and get_json_object(v, '$.Value[0]') = '{creator}'"
    block = f"substring(try_element_at(map_keys(map_filter({elements}, (k, v) -> {reserved})), 1), 7, 2)"
    return f"{elements}[concat('{tag[:4]}', {block}, '{tag[6:]}')]"
