"""`dicomdex collections`: what is behind the alias, and what else could be."""

from __future__ import annotations

import json
import sys
import time
from calendar import timegm
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from dicomdex.cli_search import console, site_settings

if TYPE_CHECKING:
    from dicomdex.settings import Settings

LEVELS = ("study", "series", "instance", "copy")
_STAMP = "%Y%m%dT%H%M%SZ"
_AGES = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def collections(as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False) -> None:
    """The alias and its collections: state, documents by level, age, catalog version, schema, last verdict."""
    settings = site_settings()
    found = listed(settings)
    if as_json:
        sys.stdout.write(json.dumps({"alias": settings.alias, "collections": found}) + "\n")
    elif found:
        console().print(_table(found))
    else:
        console().print(f"there is no collection of {settings.alias} yet", markup=False)


def listed(settings: Settings) -> list[dict[str, Any]]:
    """The alias's collections, the live one first, then from the newest, with their age in seconds.

    SolrUnavailable where Solr does not answer. `state`: live (the alias points at it), built (it could be), half (its
    rebuild has not come to its end).
    """
    from dicomdex.steps_retire import collections as made

    found = [{**one, "age": _seconds_since(one["created"])} for one in made(settings, settings.alias)]
    return sorted(found, key=lambda one: one["state"] != "live")


def _seconds_since(stamp: str) -> int | None:
    return int(time.time() - timegm(time.strptime(stamp, _STAMP))) if stamp else None


def _table(found: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("collection", "state"):
        table.add_column(name, no_wrap=True)
    for name in ("studies", "series", "instances", "copies", "age", "catalog"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("schema", "verdict"):
        table.add_column(name, no_wrap=name == "schema")
    for one in found:
        counts = [f"{one['counts'][level]:,}" for level in LEVELS]
        version = str(one["catalog_version"]) if one["catalog_version"] >= 0 else "none"
        verdict = one["verdict"] or "not validated"
        table.add_row(one["name"], one["state"], *counts, _age(one["age"]), version, one["schema"], verdict)
    return table


def _age(seconds: int | None) -> str:
    if seconds is None:
        return ""
    length, unit = next((one for one in _AGES if seconds >= one[0]), _AGES[-1])
    return f"{seconds // length} {unit}"
