"""Generated files are not stale."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicomdex.reference import PAGES
from dicomdex.schema import configset, schema_digest, schema_xml


def test_the_configset_is_what_the_attribute_table_gives() -> None:
    assert configset()["schema.xml"].decode() == schema_xml(), "stale: run `make configset` and commit the result"


def test_another_schema_has_another_name() -> None:
    files = configset()
    assert schema_digest(files) != schema_digest({**files, "schema.xml": files["schema.xml"] + b" "})


@pytest.mark.parametrize("name", sorted(PAGES))
def test_reference_pages_are_what_the_code_says(name: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / name).read_text(encoding="utf-8")
    assert page == PAGES[name](), "stale: run `make docs` and commit the result"
