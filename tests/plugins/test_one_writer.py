"""Requests that write come one after the other, and nobody waits for a client that is slow to send."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from airflow.configuration import conf

from dicomdex_airflow import one_writer as one_writer_module
from dicomdex_airflow.one_writer import OneWriter, one_writer

LIMIT = 60.0


class App:
    """Takes a body, lets everybody else go on, answers; notes begin and end of each request."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.notes.append(f"begin {scope['path']}")
        body, more = b"", scope["method"] != "GET"
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        for _ in range(10):
            await asyncio.sleep(0)
        self.bodies.append(body)
        self.notes.append(f"end {scope['path']}")
        if scope["path"].endswith("fails"):
            raise ValueError
        await send(scope["path"])


class Client:
    """A request, its body in two parts, the second when it is told to."""

    def __init__(self, method: str, path: str, *, slow: bool = False) -> None:
        self.scope = {"type": "http", "method": method, "path": path}
        self.go_on = asyncio.Event()
        self.answered = asyncio.Event()
        self._parts = [b"a", b"b"]
        if not slow:
            self.go_on.set()

    async def receive(self) -> Any:
        if len(self._parts) == 1:
            await self.go_on.wait()
        return {"type": "http.request", "body": self._parts.pop(0), "more_body": bool(self._parts)}

    async def send(self, message: str) -> None:
        self.answered.set()

    async def ask(self, app: Any) -> None:
        await app(self.scope, self.receive, self.send)


def asked(app: Any, *clients: tuple[str, str]) -> list[Any]:
    """What became of requests that come at once."""

    async def all_of_them() -> list[Any]:
        one_by_one = (Client(*client).ask(app) for client in clients)
        return await asyncio.wait_for(asyncio.gather(*one_by_one, return_exceptions=True), LIMIT)

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
def test_what_writes_begins_when_the_one_before_has_ended(method: str) -> None:
    app = App()
    asked(OneWriter(app), (method, "/api/v2/pools"), ("PATCH", "/execution/x/run"), (method, "/ui/y"))
    assert [note.split()[0] for note in app.notes] == ["begin", "end"] * 3
    assert app.bodies == [b"ab"] * 3


@pytest.mark.parametrize(
    "client", [("GET", "/api/v2/pools"), ("POST", "/auth/token"), ("POST", "/dicomdex/handover/x")]
)
def test_what_does_not_write_waits_for_nobody(client: tuple[str, str]) -> None:
    app = App()
    asked(OneWriter(app), client, client)
    assert [note.split()[0] for note in app.notes] == ["begin", "begin", "end", "end"]


def test_a_request_that_fails_lets_the_next_one_in() -> None:
    app = App()
    failed, answered = asked(OneWriter(app), ("POST", "/api/v2/fails"), ("POST", "/api/v2/pools"))
    assert (type(failed), answered) == (ValueError, None)


def test_a_client_that_is_slow_to_send_keeps_nobody_waiting() -> None:
    app = OneWriter(App())

    async def both() -> None:
        slow, quick = Client("POST", "/api/v2/slow", slow=True), Client("POST", "/api/v2/quick")
        waiting = asyncio.create_task(slow.ask(app))
        await asyncio.wait_for(quick.ask(app), LIMIT)
        assert not slow.answered.is_set()
        slow.go_on.set()
        await asyncio.wait_for(waiting, LIMIT)
        assert slow.answered.is_set()

    asyncio.run(both())


class Hanging(App):
    """One path is answered only when it is told to, or given up."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].endswith("hangs"):
            try:
                await self.go_on.wait()
            except asyncio.CancelledError:
                self.notes.append("given up")
                raise
        await super().__call__(scope, receive, send)


def test_a_request_that_hangs_is_waited_for_no_longer_than_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_writer_module, "TURN", 0.05)

    async def both() -> None:
        hanging = Hanging()
        app = OneWriter(hanging)
        slow, quick = Client("POST", "/api/v2/hangs"), Client("POST", "/api/v2/quick")
        waiting = asyncio.create_task(slow.ask(app))
        await asyncio.sleep(0)
        await asyncio.wait_for(quick.ask(app), LIMIT)
        assert (quick.answered.is_set(), slow.answered.is_set()) == (True, False)
        hanging.go_on.set()
        await asyncio.wait_for(waiting, LIMIT)
        assert slow.answered.is_set()

    asyncio.run(both())


@pytest.mark.parametrize("turn", [0.01, LIMIT])
def test_a_request_that_is_given_up_is_given_up_inside(turn: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_writer_module, "TURN", turn)

    async def one() -> None:
        hanging = Hanging()
        waiting = asyncio.create_task(Client("POST", "/api/v2/hangs").ask(OneWriter(hanging)))
        await asyncio.wait({waiting}, timeout=0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(waiting, LIMIT)
        await asyncio.sleep(0)
        assert hanging.notes == ["given up"]

    asyncio.run(one())


def test_only_sqlite_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    app = App()
    assert conf.get("database", "sql_alchemy_conn").startswith("sqlite")
    assert isinstance(one_writer(app), OneWriter)
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql+psycopg2://airflow@127.0.0.1/airflow")
    assert one_writer(app) is app
