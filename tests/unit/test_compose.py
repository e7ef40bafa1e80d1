"""docker-compose.yaml: what can be proved of it without a container engine."""

from __future__ import annotations

import importlib.util
import json
import re
import stat
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from dicomdex.settings import Settings
from dicomdex_local import compose_secrets
from dicomdex_local.jars import wanted
from dicomdex_web.settings import WebSettings
from tests.compose_file import FILE, PROFILES, REPO, compose_file, services

# Of the file's schema: github.com/compose-spec/compose-go v2.16.2, schema/compose-spec.json (Apache-2.0).
SCHEMA = Path(__file__).with_name("compose-spec.json")
EVERY = services("cluster")
ENDS_BY_ITSELF = {"init", "solr-security", "hdfs-format"}
# The whole variable, and who says so.
OF_PRODUCTS = {
    "AIRFLOW_HOME": "airflow.apache.org: Configuration Reference",
    "HADOOP_USER_NAME": "hadoop.apache.org: Hadoop in Secure Mode; UserGroupInformation",
    "PGDATA": "hub.docker.com/_/postgres",
    "POSTGRES_DB": "hub.docker.com/_/postgres",
    "POSTGRES_INITDB_ARGS": "hub.docker.com/_/postgres",
    "POSTGRES_PASSWORD_FILE": "hub.docker.com/_/postgres",
    "POSTGRES_USER": "hub.docker.com/_/postgres",
    "PYSPARK_PYTHON": "spark.apache.org: Configuration, Environment Variables",
    "SPARK_CONF_DIR": "spark.apache.org: Configuration, Overriding configuration directory",
    "SPARK_DAEMON_MEMORY": "spark.apache.org: Spark Standalone Mode",
    "SPARK_LOCAL_DIRS": "spark.apache.org: Spark Standalone Mode",
    "SPARK_LOCAL_HOSTNAME": "github.com/apache/spark: core/src/main/scala/org/apache/spark/util/Utils.scala",
    "SPARK_LOCAL_IP": "spark.apache.org: Configuration, Environment Variables",
}
# Ours that are no setting: plugins/dicomdex_airflow/spark.py, dicomdex_local/layout.py, compose/hdfs/core-site.xml.
OURS = {"DICOMDEX_SPARK_JARS", "DICOMDEX_SPARK_PY_FILES", "DICOMDEX_SPARK_FILES", "DICOMDEX_JARS", "DICOMDEX_HDFS_HOME"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make secrets` makes."""
    root = tmp_path_factory.mktemp("compose")
    compose_secrets.ensure(root / "run", root / ".env")
    return root


@pytest.mark.parametrize("profile", PROFILES)
def test_the_file_is_one_of_the_compose_specification(profile: str) -> None:
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator(schema).validate(compose_file(profile))


def test_each_profile_starts_what_the_one_before_starts_and_more() -> None:
    core, hdfs, cluster = (set(services(profile)) for profile in PROFILES)
    assert core >= {"postgres", "redis", "zookeeper", "solr", "page", "worker"}
    assert hdfs - core == {"hdfs-format", "namenode", "datanode"}
    assert cluster - hdfs == {"spark-master", "spark-worker", "solr2"}
    assert core < hdfs < cluster == set(compose_file("cluster")["services"])


@pytest.mark.parametrize("name", EVERY)
def test_a_service_is_confined(name: str) -> None:
    service = EVERY[name]
    assert service["user"] == "1000:1000"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert not service.keys() & {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices"}


@pytest.mark.parametrize("name", EVERY)
def test_a_service_has_a_health_check_or_ends_by_itself(name: str) -> None:
    check = EVERY[name]["healthcheck"]
    if name in ENDS_BY_ITSELF:
        assert check == {"disable": True}
    else:
        assert check["test"][0] in ("CMD", "CMD-SHELL")
        assert {"interval", "timeout", "retries", "start_period"} <= check.keys()


@pytest.mark.parametrize("name", EVERY)
def test_images_and_ports_are_fixed_and_of_loopback(name: str) -> None:
    image, tag = EVERY[name]["image"].split(":")
    assert re.match(r"\d+\.\d+", tag), f"{image} without an exact version"
    assert all(str(port).startswith("127.0.0.1:") for port in EVERY[name].get("ports", []))
    assert "build" in EVERY[name] or image in ("postgres", "redis")


def test_only_what_publishes_a_port_is_in_a_network_with_a_way_out() -> None:
    networks = compose_file()["networks"]
    open_ones = {name for name, about in networks.items() if not about.get("internal")}
    inside = {name for name, service in EVERY.items() if open_ones & set(service["networks"])}
    assert open_ones == {"front"}
    assert inside == {name for name, service in EVERY.items() if service.get("ports")} == {"api-server", "page"}


def test_the_image_is_built_from_an_exact_version() -> None:
    lines = (REPO / "Dockerfile").read_text().splitlines()
    (base,) = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert re.fullmatch(r"python:3\.11\.\d+-slim-bookworm", base)
    assert lines[-1].startswith("USER $DICOMDEX_UID")


def test_no_secret_stands_in_the_file(made: Path) -> None:
    text = FILE.read_text()
    for line in text.splitlines():
        found = re.match(r"\s*(\w*(?:PASSWORD|SECRET|TOKEN|KEY)\w*): (.*)", line)
        assert not found or found[2].strip('"').startswith(("/run/secrets/", "cat /run/secrets/")), line
    for file in (made / "run" / "secrets").iterdir():
        assert file.read_text().strip() not in text


def test_each_mounted_secret_is_made_by_make_secrets_for_its_owner_alone(made: Path) -> None:
    for name, about in compose_file()["secrets"].items():
        path = made / "run" / Path(about["file"]).relative_to(".run/compose")
        assert path.name == name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    used = {name for service in EVERY.values() for name in service.get("secrets", ())}
    assert used == set(compose_file()["secrets"])


def test_make_secrets_again_changes_nothing(made: Path) -> None:
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    compose_secrets.ensure(made / "run", made / ".env")
    assert {path: path.read_bytes() for path in made.rglob("*") if path.is_file()} == before
    assert all(not line.endswith("=0") for line in (made / ".env").read_text().splitlines())


@pytest.mark.parametrize("name", EVERY)
def test_what_is_mounted_exists(name: str, made: Path) -> None:
    volumes = compose_file()["volumes"]
    for mount in EVERY[name].get("volumes", ()):
        source = mount.split(":")[0]
        if source.startswith("./.run/compose"):
            assert (made / "run" / Path(source).relative_to(".run/compose")).exists(), mount
        elif source.startswith("."):
            assert (REPO / source).exists(), mount
        else:
            assert source in volumes


@pytest.mark.parametrize("name", EVERY)
def test_paths_of_the_image_are_in_the_repository_or_made_when_it_is_built(name: str) -> None:
    built = ("/opt/dicomdex/.venv", "/opt/dicomdex/jars", "/opt/dicomdex/dicomdex.zip", "/opt/dicomdex/spark-conf")
    for path in re.findall(r"/opt/dicomdex[\w./-]*", json.dumps(EVERY[name])):
        assert path.startswith(built) or (REPO / Path(path).relative_to("/opt/dicomdex")).exists(), path


@pytest.mark.parametrize("name", EVERY)
def test_each_environment_variable_is_known(name: str) -> None:
    known = options_of_airflow() | settings_of_ours() | OURS | OF_PRODUCTS.keys()
    unknown = set(EVERY[name].get("environment", ())) - known
    assert not {one for one in unknown if not one.startswith("AIRFLOW_CONN_")}


def test_connections_are_what_airflow_reads() -> None:
    for profile in PROFILES:
        environment = services(profile)["worker"]["environment"]
        found = {key: json.loads(text) for key, text in environment.items() if key.startswith("AIRFLOW_CONN_")}
        assert {one["conn_type"] for one in found.values()} == {"solr", "spark", "webhdfs"}
        assert "password" not in json.dumps(found).replace("password_file", "")


def test_spark_gets_the_jars_of_delta_that_are_checked() -> None:
    paths = services()["worker"]["environment"]["DICOMDEX_SPARK_JARS"].split(",")
    assert sorted(path.removeprefix("/opt/dicomdex/jars/delta/") for path in paths) == sorted(wanted("delta"))


def test_settings_of_each_profile_hold() -> None:
    for profile in PROFILES:
        environment = services(profile)["worker"]["environment"]
        fields = {f"DICOMDEX_{name.upper()}": name for name in Settings.model_fields}
        chosen = {fields[name]: value for name, value in environment.items() if name in fields}
        settings = Settings.load(**chosen)
        assert len(settings.solr_url.split(",")) == (2 if profile == "cluster" else 1)
        assert settings.landing.startswith("file:" if profile == "core" else "hdfs://namenode")


def options_of_airflow() -> set[str]:
    """Variables of every option that Airflow and the Celery provider document; `_CMD` for those that are secret."""
    known = set()
    for section, about in {**airflow_options("airflow", "config_templates/config.yml"), **celery_options()}.items():
        for option, details in (about.get("options", about) or {}).items():
            name = f"AIRFLOW__{section}__{option}".upper()
            known |= {name, f"{name}_CMD"} if (details or {}).get("sensitive") else {name}
    return known


def airflow_options(package: str, path: str) -> dict[str, Any]:
    spec = importlib.util.find_spec(package)
    assert spec
    assert spec.submodule_search_locations
    found: dict[str, Any] = yaml.safe_load((Path(spec.submodule_search_locations[0]) / path).read_text())
    return found


def celery_options() -> dict[str, Any]:
    from airflow.providers.celery.get_provider_info import get_provider_info

    found: dict[str, Any] = get_provider_info()["config"]
    return found


def settings_of_ours() -> set[str]:
    of_web = {f"DICOMDEX_WEB_{name.upper()}" for name in WebSettings.model_fields}
    return {f"DICOMDEX_{name.upper()}" for name in Settings.model_fields} | of_web
