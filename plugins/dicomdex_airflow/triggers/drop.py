"""Triggers that look at the landing area; the looking is done in a thread, so the triggerer goes on meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from dicomdex_airflow.hooks.storage import StorageHook

Answer = TypeVar("Answer")

REPORT_AGAIN = 60.0  # seconds: a drop that nobody announced is reported again, so a failed run loses nothing


class DropTrigger(BaseTrigger):
    """Waits for one drop to be complete.

    :param drop: drop key
    :param until: seconds since the epoch at which it gives up
    :param interval: seconds between two looks
    :param conn_id: connection of the landing area, None = as the settings say
    """

    def __init__(self, drop: str, until: float, interval: float = 5.0, conn_id: str | None = None) -> None:
        super().__init__()
        self.drop = drop
        self.until = until
        self.interval = interval
        self.conn_id = conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        return "dicomdex_airflow.triggers.drop.DropTrigger", {
            "drop": self.drop,
            "until": self.until,
            "interval": self.interval,
            "conn_id": self.conn_id,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event: `{"arrived": bool}`."""
        from dicomdex_airflow.hooks.storage import StorageHook

        area, hook = LandingArea(self.log), StorageHook(self.conn_id)
        while True:
            arrived = await area.ask(hook.is_complete, self.drop) or False
            if arrived or time.time() >= self.until:
                yield TriggerEvent({"arrived": arrived})
                return
            await asyncio.sleep(self.interval)


class NewDropsTrigger(BaseEventTrigger):
    """Watches the landing area and says how many drops are complete and not yet announced; never which.

    :param interval: seconds between two looks; as long as a look took, where that is more
    """

    def __init__(self, interval: float = 1.0) -> None:
        super().__init__()
        self.interval = interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        return "dicomdex_airflow.triggers.drop.NewDropsTrigger", {"interval": self.interval}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """An event `{"new": count}` whenever a drop is new, and again while it stays unannounced."""
        from dicomdex_airflow.hooks.storage import StorageHook

        area, hook, reported, reported_at = LandingArea(self.log), StorageHook(), set(), 0.0
        await area.ask(_imports)  # not part of what a look takes: seconds, once
        while True:
            started = time.monotonic()
            found = await area.ask(_new_drops, hook)
            if found is not None:
                if found - reported or (found and started - reported_at > REPORT_AGAIN):
                    reported_at = started
                    yield TriggerEvent({"new": len(found)})
                reported = found
            await asyncio.sleep(max(self.interval, time.monotonic() - started))


class LandingArea:
    """Asks in a thread. An area that is away is said once: by its cause where that has a name, else by the class of the
    error, since its text may hold a path. Nothing may end a trigger, because nobody would start it again.
    """

    def __init__(self, log: Any) -> None:
        self._log = log
        self._trouble = ""

    async def ask(self, question: Callable[..., Answer], *arguments: Any) -> Answer | None:
        """The answer; None where there was none."""
        try:
            answer = await asyncio.to_thread(question, *arguments)
        except Exception as error:  # noqa: BLE001
            if (said := _named(error)) != self._trouble:
                self._trouble = said
                self._log.warning("can't look at the landing area: %s", self._trouble)
            return None
        if self._trouble:
            self._trouble = ""
            self._log.info("the landing area answers again")
        return answer


def _named(error: Exception) -> str:
    from dicomdex.errors import DicomdexError

    return str(error) if isinstance(error, DicomdexError) else type(error).__name__


def _imports() -> None:
    import dicomdex.steps  # noqa: F401


def _new_drops(hook: StorageHook) -> set[tuple[str, str]]:
    from dicomdex.settings import Settings
    from dicomdex.steps import new_drops

    with hook.kept() as landing:
        return {(drop["key"], drop["signature"]) for drop in new_drops(Settings.load(), landing=landing)}
