"""Secrets: generated once, in files of mode 0600, never in arguments or environment."""

import json
import stat
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

import pytest

from dicomdex_local import airflow, secret_files
from dicomdex_local.layout import RunDir
from dicomdex_local.ports import Ports
from dicomdex_local.site import Site
from dicomdex_local.solr import SolrNode
from dicomdex_local.solr_security import SolrSecrets, credential, security_json


@pytest.fixture
def run(tmp_path):
    run = RunDir(tmp_path / "run")
    run.create()
    SolrSecrets(run.secrets).ensure()
    airflow.AirflowSecrets(run.secrets).ensure()
    return run


def secrets_of(run):
    """Every generated secret of a site."""
    values = []
    for path in run.secrets.iterdir():
        text = path.read_text()
        if path.name == "airflow":
            values += json.loads(text).values()
        elif path.name == "zookeeper.properties":
            values += [line.split("=", 1)[1] for line in text.splitlines() if "Password" in line]
        else:
            values.append(text)
    assert len(values) == 10
    return values


def test_a_secret_is_made_once(tmp_path):
    first = secret_files.once(tmp_path / "one")
    assert secret_files.once(tmp_path / "one") == first
    assert len(first) == 32


def test_every_secret_is_another(run):
    assert len(set(secrets_of(run))) == 10


def test_files_are_their_owners_alone(run):
    assert stat.S_IMODE(run.root.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in run.secrets.iterdir()} == {0o600}


def test_the_environment_of_the_engines_holds_no_secret(run, tmp_path):
    environment = Site(run.root, ports=Ports(), jars=tmp_path / "jars").environment()
    told = "\n".join(environment.values())
    assert not [secret for secret in secrets_of(run) if secret in told]


def test_solrs_arguments_hold_no_secret(run, tmp_path):
    node = SolrNode(run.solr, tmp_path, run.secrets, 8983)
    arguments = " ".join(node.command())
    assert str(run.secrets / "zookeeper.properties") in arguments
    assert not [secret for secret in secrets_of(run) if secret in arguments]


def test_airflow_reads_its_keys_by_commands_on_files(run):
    options = airflow.options(run, 8080)
    for name in ("CORE__FERNET_KEY", "API__SECRET_KEY", "API_AUTH__JWT_SECRET"):
        command = options[f"AIRFLOW__{name}_CMD"].split()
        assert command[0] == "cat"
        assert Path(command[1]).read_text() in secrets_of(run)


def test_the_execution_api_follows_the_port(run):
    assert airflow.options(run, 18080)["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:18080/execution/"


def test_the_solr_connection_names_the_file_of_the_password(run):
    said = json.loads(airflow.solr_connection("127.0.0.1", 8983, "admin", run.secrets / "solr_admin", "dicom"))
    assert "password" not in said
    assert said["extra"] == {"password_file": str(run.secrets / "solr_admin"), "collection": "dicom"}


def test_solr_gets_hashes_that_its_plugin_can_check():
    digest, salt = (b64decode(part) for part in credential("geheim", b"salt").split())
    assert (digest, salt) == (sha256(sha256(b"saltgeheim").digest()).digest(), b"salt")


def test_security_json_lets_nobody_in_unknown_and_defines_all_last(run):
    secrets = SolrSecrets(run.secrets)
    said = json.loads(security_json(secrets))
    assert said["authentication"]["blockUnknown"] is True
    assert said["authorization"]["permissions"][-1] == {"name": "all", "role": "admin"}
    assert [p["name"] for p in said["authorization"]["permissions"] if "reader" in p["role"]] == ["read"]
    seen = [p["name"] for p in said["authorization"]["permissions"] if "observer" in p["role"]]
    assert seen == ["collection-admin-read", "schema-read", "config-read"]
    assert not [p for _, p in (secrets.auth, secrets.reader_auth, secrets.page_auth) if p in json.dumps(said)]
