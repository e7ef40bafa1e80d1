"""A site on one machine: it comes up, keeps its components up, and goes without leaving anything behind."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from contextlib import suppress
from itertools import chain

import psutil
import pytest

from dicomdex_local import pids
from dicomdex_local.airflow_rest import AirflowRest
from dicomdex_local.errors import SiteError
from dicomdex_local.layout import REPO
from dicomdex_local.site import Site
from tests.integration.waiting import wait_for


@pytest.fixture(scope="module")
def own(make_site):
    """A site that these tests may break."""
    site = make_site()
    site.up()
    return site


def component(site, name):
    return pids.running(site.run.pids / f"airflow-{name}.json")


def seen(look, programs):
    """What is seen of each program; one that has ended since is left out: Airflow's come and go."""
    found = []
    for program in programs:
        with suppress(psutil.NoSuchProcess):
            found.append(look(program))
    return found


def test_it_listens_on_loopback_only(own):
    family = pids.tree(pids.marked(own.run.root))
    connections = chain.from_iterable(seen(psutil.Process.net_connections, family))
    heard = {one.laddr.ip for one in connections if one.status == psutil.CONN_LISTEN}
    assert heard <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    assert heard


def test_its_run_directory_is_its_owners_alone(own):
    assert stat.S_IMODE(own.run.root.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in own.run.secrets.iterdir()} == {0o600}


def test_no_argument_holds_a_secret(own):
    arguments = "\n".join(map(" ".join, seen(psutil.Process.cmdline, pids.marked(own.run.root))))
    secrets = [own.solr.auth[1], own.airflow.secrets.auth[1], *(own.run.secrets / "jwt_secret").read_text().split()]
    assert not [secret for secret in secrets if secret in arguments]


def test_coming_up_again_changes_nothing(own):
    before = own.airflow.supervisor().pid, own.solr.program().pid
    own.up()
    assert (own.airflow.supervisor().pid, own.solr.program().pid) == before


def test_another_site_on_its_ports_is_told_which_port_is_taken(own, make_site):
    other = Site(make_site().run.root, ports=own.ports, jars=own.jars)
    with pytest.raises(SiteError, match="is taken by another program: set DICOMDEX_"):
        other.up()
    other.down()


def test_pools_are_as_many_slots_as_there_is_work_for(own):
    with own.airflow.rest() as rest:
        slots = {pool["name"]: pool["slots"] for pool in rest.get("/pools")["pools"]}
    assert (slots["spark"], slots["solr_writer"]) == (1, 1)
    assert slots["extract"] >= 1


def test_the_viewer_may_look_but_not_start(own):
    password = json.loads(own.airflow.secrets.passwords_file.read_text())["viewer"]
    with AirflowRest(own.airflow.url, "viewer", password) as viewer:
        assert {dag["dag_id"] for dag in viewer.get("/dags")["dags"]} == {
            path.stem for path in (REPO / "dags").glob("*.py")
        }
        started = viewer.request("POST", "/dags/sense_drops/dagRuns", json={"logical_date": None, "conf": {}})
    assert started.status_code == 403


def test_a_component_that_dies_is_started_again(own):
    killed = component(own, "triggerer")
    killed.kill()
    again = wait_for("another triggerer", lambda: (now := component(own, "triggerer")) and now != killed and now)
    assert again.pid != killed.pid
    own.airflow.wait_healthy()


def test_after_kill_9_of_the_supervisor_it_comes_up_with_one_of_each(own):
    orphan = component(own, "scheduler")
    own.airflow.supervisor().kill()
    own.up()
    assert not orphan.is_running()
    assert own.airflow.is_healthy()


def test_down_leaves_no_program_and_keeps_the_data(own):
    family = pids.tree(pids.marked(own.run.root))
    assert family
    own.down()
    assert [program for program in family if program.is_running()] == []
    assert pids.marked(own.run.root) == []
    assert (own.run.airflow / "airflow.db").exists()
    assert (own.run.solr / "zoo_data").is_dir()
    own.down()


def test_interrupted_while_starting_it_goes_on_from_there(own):
    code = (
        "import _thread, sys; from pathlib import Path; from dicomdex_local.site import Site; "
        "from dicomdex_local.ports import Ports; from dicomdex_local.solr import SolrNode;"
        "SolrNode.wait_ready = lambda self: _thread.interrupt_main() or __import__('time').sleep(60);"
        f"Site(Path({str(own.run.root)!r}), ports={own.ports!r},"
        f" jars=Path({str(own.jars)!r})).up()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert "KeyboardInterrupt" in done.stderr
    started = own.solr.program()
    own.up()
    assert own.solr.program() == started
    assert own.airflow.is_healthy()
    own.down()
