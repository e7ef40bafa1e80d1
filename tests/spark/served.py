"""The line from drop to Solr: real files, real Delta, a real Solr; the application runs in this very Python."""

from __future__ import annotations

import os
import re
from collections import Counter
from copy import copy
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dicomdex import steps
from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.solr import Collection, Solr
from dicomdex.index import VOLATILE_FIELDS
from dicomdex_local.solr import SolrNode
from dicomdex_spark import apply_changes
from tests.unit.line import Line

Documents = dict[str, dict[str, Any]]
_WRITTEN = re.compile(r"([\d,]+) posted(?: \(([\d,]+) in minimal form\))?, ([\d,]+) deleted, ([\d,]+) unchanged$")


class Applied(NamedTuple):
    """What the line of an application says."""

    posted: int
    minimal: int
    deleted: int
    unchanged: int


class Served(Line):
    """A line with an alias of its own on a Solr node."""

    def __init__(self, root: Path, node: SolrNode, alias: str, **settings: Any) -> None:
        where = {"solr_url": node.base_url, "solr_user": node.auth[0], "solr_password_file": node.secrets.admin_file}
        super().__init__(root, alias=alias, **where, **settings)
        self.catalog = Catalog(self.settings.catalog)
        self.solr = Solr.of(self.settings)
        self.solr_auth = node.auth

    def in_one_go(self) -> Documents:
        """The documents of another collection, of one shard, made of the catalog as it is by one application."""
        other = copy(self)
        other.settings = self.settings.model_copy(update={"alias": f"{self.settings.alias}new", "solr_shards": 1})
        other.apply()
        return other.documents()

    def environment(self) -> dict[str, str]:
        """DICOMDEX_* as an application of this line gets them."""
        return {f"DICOMDEX_{name.upper()}": str(value) for name, value in self.settings}

    def settle(self) -> None:
        """Give all files the same time, so that two lines can be compared."""
        for path in self.landing.rglob("*"):
            os.utime(path, ns=(0, 10**18))

    def apply(self, run: str = "run", *options: str) -> Applied:
        """Run the application; what it said it did."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment().items():
                patch.setenv(name, value)
            apply_changes.main(["--run", run, *options])
        found = _WRITTEN.search(steps.run_record(self.settings, run)["applied"])
        assert found, "the line of the application"
        return Applied(*(int((number or "0").replace(",", "")) for number in found.groups()))

    def ingest_and_apply(self, drop: str, **how: Any) -> Applied:
        """A drop into the catalog, then into Solr."""
        self.ingest(drop, **how)
        return self.apply(f"run of {drop}")

    def target(self) -> Collection:
        """The collection behind the alias."""
        found = self.solr.behind(self.settings.alias)
        assert found, "an alias"
        return found

    def collections(self) -> list[str]:
        """The physical collections of this alias, shown or not."""
        return [name for name in self.solr.collections() if name.startswith(f"{self.settings.alias}_")]

    def documents(self) -> Documents:
        """Those of the collection that people see."""
        return self.documents_of(self.target().name)

    def documents_of(self, collection: str) -> Documents:
        """id -> every field that Solr gives back, without what differs between two equal collections."""
        query = {"q": "*:*", "fl": "*", "rows": "10000", "wt": "json"}
        found = self.solr.request("POST", f"/{collection}/select", data=query)["response"]["docs"]
        return {one["id"]: {k: v for k, v in one.items() if k not in VOLATILE_FIELDS} for one in found}

    def levels(self) -> Counter[str]:
        """How many documents there are of each level."""
        return Counter(document["level"] for document in self.documents().values())

    def sentence(self, drop: str) -> str:
        """What validate says of the drop: `ok`, or what is wrong."""
        verdict = steps.validate(self.settings, drop)
        assert verdict["ok"] == (verdict["sentence"] == "ok")
        return str(verdict["sentence"])
