"""Jars: what counts is the committed list of sha256."""

import hashlib
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from dicomdex_local import jars, java
from dicomdex_local.errors import SiteError
from dicomdex_local.hdfs import FROM_PYSPARK
from dicomdex_local.layout import CONF

POM = {"m": "http://maven.apache.org/POM/4.0.0"}


def sha(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def directory(tmp_path):
    for name in ("a.jar", "b.jar"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


EXPECTED = {"a.jar": sha(b"a.jar"), "b.jar": sha(b"b.jar")}


def test_the_very_files_of_the_list_differ_in_nothing(directory):
    assert jars.differences(directory, EXPECTED) == []


def test_a_missing_an_extra_and_a_changed_file_are_each_named(directory):
    (directory / "a.jar").unlink()
    (directory / "b.jar").write_bytes(b"another")
    (directory / "c.jar").touch()
    assert jars.differences(directory, EXPECTED) == [
        "a.jar is missing",
        "c.jar does not belong",
        "b.jar has another sha256",
    ]


def test_a_changed_jar_stops_everything_in_one_line(tmp_path):
    for name in jars.JAR_SETS:
        (tmp_path / name).mkdir()
    with pytest.raises(SiteError, match=r"^jars of solr: .* is missing.* and 120 more: delete .* and run again$") as e:
        jars.ensure_jars(tmp_path, Path("java"))
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(("name", "count"), [("solr", 123), ("delta", 5), ("hdfs", 1)])
def test_every_line_of_a_list_is_a_sha256_and_a_jar(name, count):
    wanted = jars.wanted(name)
    assert len(wanted) == count
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in wanted.values())
    assert all(file.endswith(".jar") and "/" not in file for file in wanted)


def dependencies_of_pom(name):
    root = ElementTree.parse(CONF / name / "pom.xml").getroot()  # noqa: S314
    return {
        tuple(dependency.find(f"m:{part}", POM).text for part in ("groupId", "artifactId", "version"))
        for dependency in root.findall("m:dependencies/m:dependency", POM)
    }


def dependencies_of_ivy(name):
    root = ElementTree.parse(CONF / name / "ivy.xml").getroot()  # noqa: S314
    return {tuple(d.get(part) for part in ("org", "name", "rev")) for d in root.findall("dependencies/dependency")}


@pytest.mark.parametrize("name", [*jars.JAR_SETS, jars.HDFS])
def test_maven_and_ivy_ask_for_the_same_jars_and_the_list_has_them(name):
    assert dependencies_of_pom(name) == dependencies_of_ivy(name)
    files = {f"{artifact}-{version}.jar" for _, artifact, version in dependencies_of_pom(name)}
    assert files <= jars.wanted(name).keys()


def test_delta_brings_nothing_that_pyspark_has():
    assert {f"{artifact}-{version}.jar" for _, artifact, version in dependencies_of_pom("delta")} == set(
        jars.wanted("delta")
    )


def test_what_hdfs_needs_besides_its_jar_is_in_the_pyspark_wheel():
    assert [path.suffix for path in jars.pyspark_jars(FROM_PYSPARK)] == [".jar"] * 9
    with pytest.raises(SiteError, match="no-such-jar is not among the jars of pyspark"):
        jars.pyspark_jars(["no-such-jar"])


def test_the_delta_jar_agrees_with_the_pyspark_of_the_lock():
    lock = (CONF.parents[2] / "requirements.lock").read_text()
    version = re.search(r"^pyspark==(\d+\.\d+)", lock, re.MULTILINE).group(1)
    assert any(file.startswith(f"delta-spark_{version}_2.13-") for file in jars.wanted("delta"))


def test_the_first_error_line_of_a_download_is_the_reason():
    said = "[INFO] Scanning\n[ERROR] Could not transfer artifact x: Connection refused\n[ERROR] Re-run Maven"
    assert jars._first_error(said) == "[ERROR] Could not transfer artifact x: Connection refused"


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment', 17),
        ('openjdk version "25" 2025-09-16', 25),
        ('java version "1.8.0_401"', 8),
        ("sh: java: not found", None),
    ],
)
def test_javas_version_is_read_from_what_it_says(said, version):
    assert java.parse_version(said) == version


def test_a_program_that_is_no_java_has_no_version(tmp_path):
    assert java.version(tmp_path / "java") is None
