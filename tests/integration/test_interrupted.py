"""Ctrl-C into `dicomdex run`, wherever it is: the same command goes on from there."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dicomdex_local.sample import SAMPLE_DROPS
from dicomdex_local.site import Site
from tests.integration.killing import orphans
from tests.integration.waiting import wait_for

MIDDLES: dict[str, Callable[[Site], bool]] = {
    "Solr is starting": lambda site: site.solr.program() is not None,
    "the sample drops are being laid": lambda site: (site.landing / SAMPLE_DROPS[0]).exists(),
    "a drop is being ingested": lambda site: any((site.run.root / "work" / "drops").glob("*/*/manifest.json")),
}


def start(site: Site) -> subprocess.Popen[str]:
    """`dicomdex run` for the site; Ctrl-C reaches it even where the shell ignores it, as it does in the background."""
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("dicomdex")), "run"],
        env=site.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.mark.long
def test_a_run_interrupted_three_times_ends_well_at_the_fourth(make_site):
    site = make_site()
    for middle, reached in MIDDLES.items():
        with start(site) as command:
            wait_for(middle, lambda reached=reached: reached(site), every=0.05)
            command.send_signal(signal.SIGINT)
            said, _ = command.communicate(timeout=120)
        assert (command.returncode, middle, said.splitlines()[-1:]) == (
            130, middle, ["stopped; the same command goes on from here"],
        )  # fmt: skip
    with start(site) as command:
        said, _ = command.communicate(timeout=900)
    assert command.returncode == 0, said
    assert "every one as it should be" in said
    assert not orphans(site)
