"""Spark of a local site: its packages as one zip, its quiet configuration."""

import zipfile

from dicomdex_local import spark
from dicomdex_local.layout import RunDir


def test_the_zip_is_the_same_bytes_for_the_same_sources(tmp_path):
    first = spark.write_packages(tmp_path / "one.zip").read_bytes()
    assert spark.write_packages(tmp_path / "two.zip").read_bytes() == first


def test_the_zip_holds_what_an_executor_needs_and_no_caches(tmp_path):
    with zipfile.ZipFile(spark.write_packages(tmp_path / "one.zip")) as archive:
        names = archive.namelist()
    assert {"dicomdex/settings.py", "dicomdex_spark/apply_changes.py"} <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.startswith("dicomdex_local")]


def test_jars_are_named_in_order(tmp_path):
    for name in ("b.jar", "a.jar", "notes.txt"):
        (tmp_path / name).touch()
    assert spark.jars(tmp_path) == f"{tmp_path / 'a.jar'},{tmp_path / 'b.jar'}"


def test_spark_shows_no_page_and_listens_on_loopback_only(tmp_path):
    run = RunDir(tmp_path)
    run.create()
    spark.write_conf(run)
    said = dict(line.split(" ", 1) for line in (run.spark_conf / "spark-defaults.conf").read_text().splitlines())
    assert said["spark.ui.enabled"] == "false"
    assert said["spark.driver.bindAddress"] == said["spark.driver.host"] == "127.0.0.1"
    assert (run.spark_conf / "log4j2.properties").exists()


def test_what_a_cluster_asks_for_is_its_owners_alone(tmp_path):
    run = RunDir(tmp_path)
    run.create()
    spark.write_conf(run, {"spark.authenticate.secret": "hush"})
    written = run.spark_conf / "spark-defaults.conf"
    assert "spark.authenticate.secret hush\n" in written.read_text()
    assert written.stat().st_mode & 0o777 == 0o600
