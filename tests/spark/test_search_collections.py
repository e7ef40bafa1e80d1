"""`dicomdex collections`: the one behind the alias first, then the others, with what each holds."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from dicomdex.adapters.solr import Solr
from dicomdex.cli import app
from dicomdex_local.solr import SolrNode
from tests.spark.searched import documents, hospital, put

ALIAS = "listed"
OLD, NEW, HALF = (f"{ALIAS}_2026010{day}T000000Z_x" for day in (1, 2, 3))


@pytest.fixture
def environment(node: SolrNode, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Solr is; the rest is not looked at."""
    where = {"SOLR_URL": node.base_url, "SOLR_USER": node.auth[0], "SOLR_PASSWORD_FILE": node.secrets.admin_file}
    for name, value in {
        **where,
        "ALIAS": ALIAS,
        "LANDING": "file:///l",
        "WORK": "file:///w",
        "CATALOG": "file:///c",
    }.items():
        monkeypatch.setenv(f"DICOMDEX_{name}", str(value))


def collections(*arguments: str) -> str:
    """What the command says."""
    return CliRunner().invoke(app, ["collections", *arguments], catch_exceptions=False).output


def test_the_live_one_comes_first_with_its_counts_and_the_half_built_is_told(node: SolrNode, environment: None) -> None:
    assert collections() == f"there is no collection of {ALIAS} yet\n"
    made = documents([row for row in hospital() if row["study"] in ("1.2.0", "1.2.1")])
    levels = {level: sum(one["level"] == level for one in made) for level in ("study", "series", "instance", "copy")}
    with Solr(node.base_url, node.auth) as solr:
        put(solr, "seed", made, shards=1)
        config = solr.collection("seed_1").configset
        for name, properties in (
            (OLD, {"catalog_version": 4, "first": ALIAS}),
            (NEW, {"catalog_version": 7, "built": "yes", "verdict": "ok"}),
            (HALF, {"catalog_version": 7, "built": "no"}),
        ):
            solr.create_collection(name, config)
            solr.set_properties(name, **properties)
        solr.post(OLD, json.dumps(made).encode())
        solr.commit(OLD)
        solr.point_alias(ALIAS, OLD)
    said = json.loads(collections("--json"))
    assert said["alias"] == ALIAS
    told = [(one["name"], one["state"], one["catalog_version"], one["verdict"]) for one in said["collections"]]
    assert told == [(OLD, "live", 4, ""), (HALF, "half", 7, ""), (NEW, "built", 7, "ok")]
    assert said["collections"][0]["counts"] == levels
    assert all(one["age"] > 0 and re.fullmatch("[0-9a-f]{12}", one["schema"]) for one in said["collections"])
    header, live, *_ = (" ".join(line.split()) for line in collections().splitlines())
    assert header == "collection state studies series instances copies age catalog schema verdict"
    assert live.startswith(" ".join([OLD, "live", *map(str, levels.values())]))
