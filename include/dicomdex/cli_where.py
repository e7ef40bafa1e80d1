"""What a person writes as a condition: `Attribute=value`, made a filter of the query.

Modality=CT                       has the value; given twice with another value: one of them
StudyDate=2026-01-01..2026-02     a range, both ends included, either may be left out; also of numbers, ages, times
StudyDate=2026-01                 the whole month
PatientAge=40Y..                  in days, weeks (W), months (M) or years
SeriesDescription=t2*             begins so; of names and descriptions: words that begin so
PatientName=-                     the value comes from standard input, since arguments are seen by everybody (ps)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from dicomdex.errors import QueryRefused
from dicomdex.search import Filter
from dicomdex.search_fields import Field, Fields
from dicomdex.search_values import ranged

FROM_INPUT = "-"
RANGE = ".."
BEGINS = "*"


def filters(
    where: Iterable[str], missing: Iterable[str], fields: Fields, read: Callable[[str], str]
) -> tuple[Filter, ...]:
    """Filters of all conditions; `read` gives the value of the field it is told the name of.

    QueryRefused where a value that tells who a patient is was given as an argument; nothing is searched then.
    """
    made: dict[str, Filter] = {}
    for condition in where:
        name, given, value = condition.partition("=")
        if not given:
            raise QueryRefused("a condition is written Attribute=value")
        field = fields[name]
        if value != FROM_INPUT and field.patient:
            raise QueryRefused(
                f"the value of {name} would be seen by everybody on this machine: "
                f"write --where {name}=- and give it on standard input"
            )
        one = condition_on(field, read(name) if value == FROM_INPUT else value)
        made[name] = _either(made[name], one) if name in made else one
    for name in missing:
        known = made.get(fields[name].name)
        made[name] = replace(known, missing=True) if known else Filter(name, missing=True)
    return tuple(made.values())


def condition_on(field: Field, value: str) -> Filter:
    """One condition on one field, by what its values are."""
    if not value:
        raise QueryRefused(f"the condition on {field.name} says nothing: --missing {field.name} finds what has none")
    if ranged(field) and RANGE in value:
        low, _, high = value.partition(RANGE)
        return Filter(field.name, low=low, high=high)
    if field.shape == "name":
        return Filter(field.name, prefix=value.removesuffix(BEGINS))
    if value.endswith("\\" + BEGINS):
        return Filter(field.name, values=(value.removesuffix("\\" + BEGINS) + BEGINS,))
    if value.endswith(BEGINS) and not ranged(field):
        return Filter(field.name, prefix=value.removesuffix(BEGINS))
    return Filter(field.name, values=(value,))


def _either(known: Filter, other: Filter) -> Filter:
    """A field's conditions together: any of them is enough; Solr's filter has one range and one beginning."""
    if (known.prefix and other.prefix) or ((known.low or known.high) and (other.low or other.high)):
        raise QueryRefused(f"{known.field} is given two ranges or two beginnings: one is possible")
    return Filter(
        known.field,
        values=(*known.values, *other.values),
        low=known.low or other.low,
        high=known.high or other.high,
        prefix=known.prefix or other.prefix,
    )
