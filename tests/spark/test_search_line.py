"""Search over the documents that apply makes of real files: levels, names, ages, dates, what is missing."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from typing import Any

from dicomdex.adapters.solr_search import Search
from dicomdex.attributes import LEVELS
from dicomdex.search import Facet, Filter, Query
from dicomdex_local.sample import lay_hospital
from tests.spark.served import Served

DAY = date(2026, 1, 2)


def test_a_day_of_a_hospital_is_found_by_every_kind_of_condition(served: Served) -> None:
    lay_hospital(served.landing, instances=60, day=DAY)
    served.ingest_and_apply(DAY.isoformat())
    search = Search(served.solr, served.settings.alias)
    documents = list(served.documents().values())
    levels = Counter(one["level"] for one in documents)
    assert search.counts(Query()) == {level: levels[level] for level in LEVELS}
    assert search.page(Query(copies=True)).total == levels["instance"] + levels["copy"]
    studies = [one for one in documents if one["level"] == "study"]
    for wanted, expected in conditions(studies):
        found = {one["id"] for one in search.all(Query(level="study", filters=(wanted,)))}
        assert found == {one["id"] for one in expected}, wanted.field
    by_modality = Counter(modality for one in studies for modality in one.get("ModalitiesInStudy", ()))
    page = search.page(Query(level="study", facets=(Facet("Modality", limit=100),)))
    assert dict(page.facets["Modality"].values) == by_modality


def conditions(studies: list[dict[str, Any]]) -> list[tuple[Filter, list[dict[str, Any]]]]:
    """Conditions on studies, each with the studies that meet it by looking at their documents; some of all, not all."""
    named = next(one for one in studies if len(one.get("PatientName", "").split("^")[0]) > 3)
    beginning = named["PatientName"].split("^")[0][:4]
    aged = sorted(one["PatientAge_days"] for one in studies if "PatientAge_days" in one)
    day = min(one["StudyDate"] for one in studies if "StudyDate" in one)[:10]
    return [
        (
            Filter("PatientName", prefix=beginning.swapcase()),
            [one for one in studies if begins(one.get("PatientName", ""), beginning)],
        ),
        (
            Filter("PatientAge", high=f"{aged[len(aged) // 2]}D"),
            [one for one in studies if one.get("PatientAge_days", 1 << 30) <= aged[len(aged) // 2]],
        ),
        (Filter("StudyDate", values=(day,)), [one for one in studies if one.get("StudyDate", "")[:10] == day]),
        (Filter("StudyDescription", missing=True), [one for one in studies if "StudyDescription" not in one]),
        (Filter("drop", values=(DAY.isoformat(),)), studies),
    ]


def begins(name: str, beginning: str) -> bool:
    """Whether a word of the name begins so."""
    return any(word.lower().startswith(beginning.lower()) for word in re.split(r"[\^=,\s]+", name))
