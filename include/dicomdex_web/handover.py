"""Codes of Airflow's plugin, taken once; and Airflow's token, which the page fetches for them."""

from __future__ import annotations

import threading
import time

import httpx

from dicomdex import handover
from dicomdex_web import keys
from dicomdex_web.settings import WebSettings

TOKEN = "/dicomdex/handover/token"  # noqa: S105  (an address)


class Handover:
    """Codes of one page. Used ones are remembered; those minted before this program began are worth nothing."""

    def __init__(self, web: WebSettings) -> None:
        self._secret = keys.once(web.airflow_secret)
        self._airflow = web.airflow_server
        self._began = int(time.time())
        self._used: dict[str, float] = {}
        self._lock = threading.Lock()

    def redeem(self, code: str) -> handover.Carried | None:
        """Who comes; None for a code that is none, or used, or of a time that this program can't answer for."""
        carried = handover.read(self._secret, code)
        if carried is None or carried.minted < self._began or not self._first_use(carried.nonce):
            return None
        return carried

    def airflow_token(self, code: str) -> str:
        """Airflow's token for whom the code was minted; empty where Airflow gives none."""
        if not self._airflow:
            return ""
        body = {"proof": handover.prove(self._secret, code)}
        try:
            answer = httpx.post(f"{self._airflow}{TOKEN}", json=body, timeout=10.0, trust_env=False)
            return str(answer.raise_for_status().json()["token"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return ""

    def _first_use(self, nonce: str) -> bool:
        now = time.time()
        with self._lock:
            self._used = {one: until for one, until in self._used.items() if until > now}
            if nonce in self._used:
                return False
            self._used[nonce] = now + 2 * handover.SECONDS
            return True
