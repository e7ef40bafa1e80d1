"""For all tests: which run beside each other, minutes per folder at the end, long sweeps only when asked for.

`make test` has two workers. What starts engines runs in groups of its own, each one after another in one worker.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from dicomdex_local import ports

FOLDERS = ("unit", "architecture", "plugins", "dags", "spark", "integration")
WORKERS = 4
# Those of tests/integration that start and kill engines of their own; the others share one site.
OWN_ENGINES = (
    "test_page.py",
    "test_page_safety.py",
    "test_cluster.py",
    "test_cluster_solr.py",
    "test_compose_services.py",
    "test_hdfs.py",
    "test_hdfs_faults.py",
    "test_hdfs_sensing.py",
    "test_interrupted.py",
    "test_kills.py",
    "test_put.py",
    "test_s3.py",
    "test_site.py",
    "test_solr_node.py",
    "test_spark_cluster.py",
)
SECONDS: pytest.StashKey[Counter[str]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the long sweeps too")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SECONDS] = Counter()
    config.pluginmanager.register(Seconds(config.stash[SECONDS]))
    config.addinivalue_line("markers", "long: a sweep that only `make test-all` runs")
    _part_ports(os.environ.get("PYTEST_XDIST_WORKER", "gw0"))


def _part_ports(worker: str) -> None:
    """No two workers choose the same port in the seconds before its server listens."""
    ports.FREE = ports.FREE[int(worker.removeprefix("gw")) % WORKERS :: WORKERS]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: FOLDERS.index(folder) if (folder := _folder(item.nodeid)) in FOLDERS else 0)
    if not config.getoption("--long"):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Bytes go by their argument's name: archives hold the time they were made, and workers must agree on the ids."""
    return argname if isinstance(val, bytes) else None


class Groups(LoadScopeScheduling):
    """Tests of one group run one after another in one worker: they share engines, or would disturb each other's."""

    def _split_scope(self, nodeid: str) -> str:
        folder = _folder(nodeid)
        if folder == "integration":
            path = Path(nodeid.split("::")[0])
            return "own engines" if path.name in OWN_ENGINES or path.parent.name == "take" else "site"
        return "spark" if folder == "spark" else "quick"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    return Groups(config, log)


class Seconds:
    """Adds up what every report says, those of other workers included."""

    def __init__(self, seconds: Counter[str]) -> None:
        self._seconds = seconds

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[_folder(report.nodeid)] += report.duration


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    seconds = config.stash[SECONDS]
    if len(seconds) > 1:
        terminalreporter.section("minutes per folder")
        for folder, spent in sorted(seconds.items(), key=lambda one: -one[1]):
            terminalreporter.write_line(f"{spent / 60:6.2f}  tests/{folder}")


def _folder(nodeid: str) -> str:
    parts = nodeid.split("::")[0].split("/")
    return parts[1] if len(parts) > 2 else parts[-1]
