"""Generated files are not stale."""

from __future__ import annotations

from dicomdex.schema import configset, schema_digest, schema_xml


def test_the_configset_is_what_the_attribute_table_gives() -> None:
    assert configset()["schema.xml"].decode() == schema_xml(), "stale: run `make configset` and commit the result"


def test_another_schema_has_another_name() -> None:
    files = configset()
    assert schema_digest(files) != schema_digest({**files, "schema.xml": files["schema.xml"] + b" "})
