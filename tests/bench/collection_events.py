"""What an application of Spark's spent where, from the record of events that Spark itself keeps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

CPU = "internal.metrics.executorCpuTime"
GARBAGE = "internal.metrics.jvmGCTime"


@dataclass(frozen=True)
class Stage:
    """One stage: seconds since 1970 of its begin and end, CPU seconds of the JVM's tasks, whether Python ran in it."""

    begun: float
    ended: float
    cpu: float
    garbage: float
    python: bool


@dataclass(frozen=True)
class Application:
    """When the session was there and when it ended (seconds since 1970), its stages in order of their ends."""

    begun: float
    ended: float
    stages: tuple[Stage, ...]

    @property
    def writing(self) -> Stage:
        """The stage that builds the documents and hands them to Python, which posts or counts them."""
        return next(stage for stage in reversed(self.stages) if stage.python)

    @property
    def rolling_up(self) -> float:
        """Seconds in which stages before it ran: the roll-ups of series and studies, what is sent to the executors."""
        seconds = end = 0.0
        for stage in sorted(self.stages, key=lambda stage: stage.begun):
            last = min(stage.ended, self.writing.begun)
            seconds += max(0.0, last - max(stage.begun, end))
            end = max(end, last)
        return seconds

    @property
    def planning(self) -> float:
        """The rest of the seconds from the session to that stage: the driver plans, and makes code of the plan."""
        return self.writing.begun - self.begun - self.rolling_up


def read_events(directory: Path) -> Application:
    """The newest application of a directory of event logs."""
    newest = max((path for path in directory.iterdir() if path.is_file()), key=lambda path: path.stat().st_mtime)
    return application_of(newest.read_bytes().splitlines())


def application_of(lines: Iterable[bytes]) -> Application:
    """The same from the lines of a log; events of other kinds are passed over."""
    begun = ended = 0.0
    stages = []
    for event in map(orjson.loads, lines):
        kind = event["Event"]
        if kind == "SparkListenerApplicationStart":
            begun = event["Timestamp"] / 1000
        elif kind == "SparkListenerApplicationEnd":
            ended = event["Timestamp"] / 1000
        elif kind == "SparkListenerStageCompleted":
            stages.append(_stage(event["Stage Info"]))
    return Application(begun, ended, tuple(stages))


def _stage(info: dict[str, Any]) -> Stage:
    found = {one["Name"]: one["Value"] for one in info["Accumulables"]}
    return Stage(
        info["Submission Time"] / 1000,
        info["Completion Time"] / 1000,
        int(found.get(CPU, 0)) / 1e9,
        int(found.get(GARBAGE, 0)) / 1e3,
        "data sent to Python workers" in found,
    )
