"""The page behind the Drop tab of a run that works on collections, as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from dicomdex_airflow.page import checks_table, document

# What the steps of such a run say, in their order.
SAID = {
    "planned": "Planned",
    "indexed": "Indexed",
    "applied": "Applied",
    "retired": "Retired",
}


def collection_page(record: Mapping[str, Any]) -> str:
    """The page of a run's record (empty: nothing done yet): the last verdict, and what its steps have said."""
    verdict = last_verdict(record)
    name = str(verdict.get("collection") or "")
    heading = _heading(name, verdict) if verdict else "<h1>No verdict yet</h1>"
    return document(f"Collection {name}".strip(), "".join([heading, *_steps(record), *_checks(verdict)]))


def last_verdict(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """That of the promote, which came last, or that of the check before it; empty where there is none."""
    promoted = record.get("promoted") or {}
    found = promoted if "checks" in promoted else record.get("verdict") or {}
    return found if isinstance(found, Mapping) else {}


def _heading(name: str, verdict: Mapping[str, Any]) -> str:
    told = '<span class="good">ok</span>' if verdict["ok"] else '<span class="bad">not ok</span>'
    version = escape(str(verdict.get("catalog_version")))
    sentence = "" if verdict["ok"] else f"<p>{escape(str(verdict.get('sentence', '')))}</p>"
    return f'<h1>{escape(name)}: {told}</h1>{sentence}<p class="soft">Catalog version {version}</p>'


def _steps(record: Mapping[str, Any]) -> Iterable[str]:
    for key, title in SAID.items():
        if record.get(key):
            yield f'<p><span class="soft">{title}:</span> {escape(str(record[key]))}</p>'
    promoted = record.get("promoted") or {}
    if promoted.get("promoted"):
        shown = f"{promoted['alias']} shows {promoted['collection']} (before: {promoted.get('from') or 'nothing'})"
        yield f'<p class="summary">{escape(shown)}</p>'


def _checks(verdict: Mapping[str, Any]) -> Iterable[str]:
    if verdict:
        yield checks_table(verdict.get("checks") or [])
