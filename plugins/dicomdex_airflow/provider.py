"""What the provider entry point tells Airflow: the Solr connection type and our links."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Provider info as Airflow's provider_info.schema.json wants it."""
    return {
        "package-name": "dicomdex",
        "name": "dicomdex",
        "description": "DICOM drops, catalogued and served from Solr.",
        "versions": [version("dicomdex")],
        "connection-types": [
            {
                "connection-type": "solr",
                "hook-class-name": "dicomdex_airflow.hooks.solr.SolrHook",
                "hook-name": "Solr",
                "ui-field-behaviour": {
                    "hidden-fields": [],
                    "relabeling": {"host": "Solr host", "schema": "http or https"},
                    "placeholders": {"host": "127.0.0.1", "port": "8983", "schema": "http"},
                },
                "conn-fields": {
                    "collection": {
                        "label": "Alias",
                        "schema": {"type": ["string", "null"]},
                        "description": "The alias people search; empty = DICOMDEX_ALIAS.",
                    },
                    "password_file": {
                        "label": "Password file",
                        "schema": {"type": ["string", "null"]},
                        "description": "File of mode 0600 with the password, in place of a password kept "
                        "here. Spark needs it: it is never given a password as such.",
                    },
                },
            }
        ],
        "extra-links": ["dicomdex_airflow.links.DropLink", "dicomdex_airflow.links.VerdictLink"],
    }
