"""A NameNode and a DataNode for the tests of a session, and the line from drop to catalog upon them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dicomdex.adapters.storage import storage
from dicomdex.entry import escape
from dicomdex_local.hdfs import Hdfs, HdfsPorts
from dicomdex_local.jars import HDFS, ensure_jars
from dicomdex_local.java import ensure_java
from dicomdex_local.layout import default_jars_dir
from tests.unit.line import Line

WRITERS = 32  # a small write is half a second of waiting, see docs/hdfs.md


@pytest.fixture(scope="session")
def hdfs_engine(nothing_of_the_person: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hdfs]:
    """Both programs, started once; each test has a directory of its own."""
    java = ensure_java()
    jars = ensure_jars(default_jars_dir(), java, [HDFS])[HDFS]
    engine = Hdfs(tmp_path_factory.mktemp("hdfs"), jars, HdfsPorts.free(), java=str(java))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HADOOP_CONF_DIR", "HADOOP_HOME", "HADOOP_USER_NAME"):
            patch.delenv(name, raising=False)
        try:
            engine.start()
            yield engine
        finally:
            engine.stop()


@pytest.fixture
def hdfs(hdfs_engine: Hdfs) -> Hdfs:
    """The same, up again where the test before has killed something."""
    hdfs_engine.start()
    return hdfs_engine


@pytest.fixture
def hdfs_url(hdfs: Hdfs, tmp_path: Path) -> str:
    """A directory that is not there yet."""
    return f"{hdfs.url}/{tmp_path.parent.name}/{tmp_path.name}"


class HdfsLine(Line):
    """Landing area, work area and catalog under one URL."""

    def __init__(self, root: Path, url: str, **settings: Any) -> None:
        super().__init__(root, **settings)
        self.settings = self.settings.model_copy(update=areas(url))

    def lay(self, drop: str, files: Mapping[str | bytes, bytes], *, marker: bool = True) -> Path:
        """Write files into a drop, then the marker."""
        lay(self.settings.landing, drop, files, marker=marker)
        return Path(drop)


def areas(url: str) -> dict[str, str]:
    """The three areas below a URL, as settings."""
    return {name: f"{url}/{name}" for name in ("landing", "work", "catalog")}


def lay(url: str, drop: str, files: Mapping[str | bytes, bytes], *, marker: bool = True) -> None:
    """Write files into a drop of a landing area, then the marker."""
    landing = storage(url)
    paths = {escape(name.encode() if isinstance(name, str) else name): content for name, content in files.items()}
    with ThreadPoolExecutor(WRITERS) as threads:
        wait = [threads.submit(landing.write_new, f"{drop}/{path}", [body]) for path, body in paths.items()]
        assert all(one.result() is None for one in wait)
    if marker:
        landing.write_new(f"{drop}/_SUCCESS", [])
