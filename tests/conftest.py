"""For all tests: quick folders first, minutes per folder at the end, long sweeps only when asked for."""

from __future__ import annotations

from collections import Counter

import pytest

FOLDERS = ("unit", "architecture", "plugins", "dags", "spark", "integration")
SECONDS: pytest.StashKey[Counter[str]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="run the long sweeps too")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SECONDS] = Counter()
    config.addinivalue_line("markers", "long: a sweep that only `make test-all` runs")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: FOLDERS.index(folder) if (folder := _folder(item.nodeid)) in FOLDERS else 0)
    if not config.getoption("--long"):
        long = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> object:
    report = yield
    item.config.stash[SECONDS][_folder(item.nodeid)] += report.duration
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    seconds = config.stash[SECONDS]
    if len(seconds) > 1:
        terminalreporter.section("minutes per folder")
        for folder, spent in sorted(seconds.items(), key=lambda one: -one[1]):
            terminalreporter.write_line(f"{spent / 60:6.2f}  tests/{folder}")


def _folder(nodeid: str) -> str:
    parts = nodeid.split("::")[0].split("/")
    return parts[1] if len(parts) > 2 else parts[-1]
