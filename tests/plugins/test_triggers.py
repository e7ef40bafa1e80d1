"""The triggers: what they say, and that they outlive an outage of the landing area."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.module_loading import import_string
from structlog.testing import capture_logs

from dicomdex_airflow.triggers.drop import DropTrigger, NewDropsTrigger

LIMIT = 30.0  # seconds within which an event must come


async def first_event(trigger: Any) -> dict[str, Any]:
    events = trigger.run()
    try:
        event = await asyncio.wait_for(anext(events), LIMIT)
    finally:
        await events.aclose()
    return event.payload


@pytest.mark.parametrize(
    "trigger",
    [DropTrigger("2026-01-01", 12.5, interval=2.0, conn_id="hdfs"), NewDropsTrigger(interval=3.0)],
    ids=["one drop", "new drops"],
)
def test_a_trigger_is_made_again_from_what_it_serializes(trigger: Any) -> None:
    path, arguments = trigger.serialize()
    again = import_string(path)(**arguments)
    assert type(again) is type(trigger)
    assert again.serialize() == (path, arguments)


def test_a_complete_drop_is_an_arrival(landing: Path) -> None:
    (landing / "2026-01-01").mkdir()
    (landing / "2026-01-01" / "_SUCCESS").touch()
    event = asyncio.run(first_event(DropTrigger("2026-01-01", time.time() + LIMIT, interval=0.01)))
    assert event == {"arrived": True}


def test_a_drop_that_completes_later_is_an_arrival(landing: Path) -> None:
    async def complete_while_waiting() -> dict[str, Any]:
        waiting = asyncio.create_task(first_event(DropTrigger("later", time.time() + LIMIT, interval=0.01)))
        await asyncio.sleep(0)
        (landing / "later").mkdir()
        (landing / "later" / "_SUCCESS").touch()
        return await waiting

    assert asyncio.run(complete_while_waiting()) == {"arrived": True}


def test_waiting_ends_when_its_time_is_over(landing: Path) -> None:
    event = asyncio.run(first_event(DropTrigger("never", time.time() - 1, interval=0.01)))
    assert event == {"arrived": False}


def test_without_markers_a_drop_arrives_once_nothing_in_it_changes(
    landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICOMDEX_MARKER", "")
    monkeypatch.setenv("DICOMDEX_QUIET_PERIOD", "0.05")
    (landing / "quiet").mkdir()
    (landing / "quiet" / "a.dcm").write_bytes(b"DICM")
    event = asyncio.run(first_event(DropTrigger("quiet", time.time() + LIMIT, interval=0.01)))
    assert event == {"arrived": True}


def test_the_watcher_counts_new_drops_and_names_none(landing: Path) -> None:
    for key in ("2026-01-01", "2026-01-02"):
        (landing / key).mkdir()
        (landing / key / "_SUCCESS").touch()
    (landing / "unfinished").mkdir()
    assert asyncio.run(first_event(NewDropsTrigger(interval=0.01))) == {"new": 2}


def test_the_watcher_outlives_a_landing_area_that_is_away(landing: Path) -> None:
    away = landing.rename(landing.with_name("unmounted"))

    async def come_back(said: list[Any]) -> dict[str, Any]:
        waiting = asyncio.create_task(first_event(NewDropsTrigger(interval=0.01)))
        while not said:
            await asyncio.sleep(0.01)
        (away / "2026-01-01").mkdir()
        (away / "2026-01-01" / "_SUCCESS").touch()
        away.rename(landing)
        return await waiting

    with capture_logs() as said:
        assert asyncio.run(asyncio.wait_for(come_back(said), LIMIT)) == {"new": 1}
    assert "can't look at the landing area" in str(said)
    assert str(landing) not in str(said)


def test_the_watcher_reports_a_drop_once(landing: Path) -> None:
    (landing / "first").mkdir()
    (landing / "first" / "_SUCCESS").touch()

    async def two_events() -> list[dict[str, Any]]:
        events = NewDropsTrigger(interval=0.01).run()
        one = (await asyncio.wait_for(anext(events), LIMIT)).payload
        waiting = asyncio.ensure_future(anext(events))
        done, _ = await asyncio.wait({waiting}, timeout=0.5)
        assert not done
        (landing / "second").mkdir()
        (landing / "second" / "_SUCCESS").touch()
        two = (await asyncio.wait_for(waiting, LIMIT)).payload
        await events.aclose()
        return [one, two]

    assert asyncio.run(two_events()) == [{"new": 1}, {"new": 2}]
