"""kill -9 at each of the named points, then the same step again: the end is that of a line nobody has disturbed."""

from __future__ import annotations

from typing import Any

import pytest

from dicomdex import steps, steps_rebuild, steps_retire
from dicomdex.adapters.collection_area import planned
from dicomdex.adapters.work import WorkArea
from dicomdex.crashpoint import POINTS
from dicomdex.steps_promote import promote
from tests.spark.crashing import STEPS, killed_at
from tests.spark.rebuilding import application
from tests.spark.served import Served
from tests.unit.line import DAY, LATER, dicom

POINTS_OF = {
    "list": ("list-claimed",),
    "extract": ("extract-written",),
    "commit": ("commit-renamed", "commit-committed"),
    "apply": ("apply-posted", "apply-committed"),
    "create": ("rebuild-created",),
    "index": ("index-posted", "index-committed"),
    "promote": ("promote-gated", "promote-pointed"),
    "retire": ("retire-deleted",),
}
FILES = {
    DAY: {"a": dicom("1.9.1"), "b": dicom("1.9.2"), "c": dicom("1.9.1")},
    LATER: {"d": dicom("1.9.1"), "e": dicom("1.9.4", study="1.2.4", series="1.2.4.1"), "f": b"no DICOM"},
}


class Killed:
    """A line whose every step is killed at each of its points before it is run to its end."""

    def __init__(self, line: Served) -> None:
        self.line = line
        self.points: list[str] = []

    def run(self, step: str, *arguments: Any) -> Any:
        """Kill at each point that was not visited yet, then run again, here."""
        for point in POINTS_OF[step]:
            if point not in self.points:
                killed_at(self.line, point, step, *arguments)
                self.points.append(point)
        with application(self.line):
            return STEPS[step](self.line.settings, *arguments)

    def ingest(self, drop: str) -> None:
        """List, extract and commit a drop."""
        listing = self.run("list", drop)
        self.run("commit", listing, [self.run("extract", batch) for batch in listing["batches"]])


def lay(line: Served) -> Served:
    for drop, files in FILES.items():
        line.lay(drop, files)
    line.settle()
    return line


@pytest.mark.timeout(1800)  # four JVMs are started to be killed
def test_a_kill_at_any_point_changes_nothing_once_the_step_is_run_again(make_served: Any) -> None:
    undisturbed, line = lay(make_served("undisturbed")), lay(make_served("killed"))
    for drop in FILES:
        undisturbed.ingest(drop)
    undisturbed.apply()
    killed = Killed(line)
    killed.ingest(DAY)
    killed.run("apply")
    killed.ingest(LATER)
    first = line.target().name
    plan = steps_rebuild.plan(line.settings, run_id="rebuild")
    killed.run("create", plan)
    assert steps_rebuild.plan(line.settings, run_id="rebuild")["collection"] == plan["collection"]
    killed.run("index", plan["collection"])
    assert steps_rebuild.check(line.settings, plan)["ok"]
    assert line.target().name == first
    killed.run("promote", plan["collection"])
    assert promote(line.settings, plan["collection"])["ok"]
    assert killed.run("retire")["kept"] == [plan["collection"]]
    assert sorted(killed.points) == sorted(POINTS)
    assert line.documents() == undisturbed.documents()
    assert [steps.ledger(line.settings, drop) for drop in FILES] == [
        {**steps.ledger(undisturbed.settings, drop), "catalog_version": line.catalog.version()} for drop in FILES
    ]
    assert line.sentence(LATER) == "ok"
    assert line.collections() == [plan["collection"]]
    assert [one["collection"] for one in planned(WorkArea(line.settings.work))] == line.collections()
    assert steps_rebuild.pins(line.settings) == []
    assert steps_retire.retire(line.settings)["retired"] == []
