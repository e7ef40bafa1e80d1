"""Ports of a local site."""

import socket

import pytest

from dicomdex_local.errors import SiteError
from dicomdex_local.ports import HOST, Ports, free_ports, require_free


def test_a_taken_port_is_named_with_the_setting_that_moves_it():
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SiteError, match=f"port {port} is taken by another program: set DICOMDEX_SOLR_PORT"):
            require_free(port, "DICOMDEX_SOLR_PORT")


def test_a_port_that_was_just_closed_is_free():
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        with socket.create_connection((HOST, port)):
            pass
    require_free(port, "DICOMDEX_SOLR_PORT")


def test_free_ports_are_different():
    assert len(set(free_ports(20))) == 20


def test_zookeeper_follows_solr_unless_it_is_set(monkeypatch):
    monkeypatch.setenv("DICOMDEX_SOLR_PORT", "18983")
    monkeypatch.delenv("DICOMDEX_ZOOKEEPER_PORT", raising=False)
    monkeypatch.setenv("DICOMDEX_AIRFLOW_PORT", "18080")
    assert Ports.from_environment() == Ports(solr=18983, zookeeper=19983, airflow=18080)
    monkeypatch.setenv("DICOMDEX_ZOOKEEPER_PORT", "2181")
    assert Ports.from_environment().zookeeper == 2181


@pytest.mark.parametrize("text", ["eighty", "0", "65536", "-1"])
def test_a_port_that_is_none_is_refused_by_the_name_of_its_setting(monkeypatch, text):
    monkeypatch.setenv("DICOMDEX_AIRFLOW_PORT", text)
    with pytest.raises(SiteError, match="DICOMDEX_AIRFLOW_PORT"):
        Ports.from_environment()
