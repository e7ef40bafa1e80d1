"""The one Airflow plugin: the page behind a run's Drop tab, the links to it, and an order among SQLite's writers.

Every task process imports this module, so it imports nothing heavy.
"""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from dicomdex_airflow.links import ENTRY, PAGE, DropLink, VerdictLink


class PageApp:
    """ASGI: the web app, imported by the first request. Importing it takes a second, which no task should pay."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass everything on."""
        from dicomdex_airflow.app import app

        await app(scope, receive, send)


def one_writer(app: Any) -> Any:
    """ASGI middleware of the api-server, see `dicomdex_airflow.one_writer`."""
    from dicomdex_airflow import one_writer as middleware

    return middleware.one_writer(app)


class DicomdexPlugin(AirflowPlugin):
    """Found by its entry point, and only there: plugins/.airflowignore keeps the folder's loader out."""

    name = "dicomdex"
    fastapi_apps: ClassVar[list[Any]] = [{"app": PageApp(), "url_prefix": "/dicomdex", "name": "dicomdex"}]
    fastapi_root_middlewares: ClassVar[list[Any]] = [{"middleware": one_writer, "name": "dicomdex one writer"}]
    external_views: ClassVar[list[Any]] = [
        {"name": "DICOM", "href": ENTRY, "destination": "nav", "url_route": "dicom"},
        {
            "name": "Drop",
            "href": f"{PAGE}?dag_id={{DAG_ID}}&run_id={{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "drop",
        },
    ]
    operator_extra_links: ClassVar[list[Any]] = [DropLink(), VerdictLink()]
