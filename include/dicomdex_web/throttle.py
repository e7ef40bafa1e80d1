"""Guessing passwords is made slow: after some failures a name from one address, then the address, has to wait."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

WINDOW = 300.0  # seconds
OF_PAIR = 5
OF_ADDRESS = 30
OF_NAME = 100  # from everywhere: slow for a crowd of addresses, hard to lock a person out with
KEPT_MAX = 10_000


class Throttle:
    """Counts failures of the last five minutes by name and address, by address and by name."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, str], list[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, name: str, address: str) -> float:
        """Seconds until another try is looked at; 0 = now."""
        now = self._clock()
        with self._lock:
            return max(self._left((name, address), OF_PAIR, now), self._left(("", address), OF_ADDRESS, now),
                       self._left((name, ""), OF_NAME, now))  # fmt: skip

    def failed(self, name: str, address: str) -> None:
        """Remember a failure."""
        now = self._clock()
        with self._lock:
            for key in ((name, address), ("", address), (name, "")):
                self._failures[key] = [*self._recent(key, now), now][-OF_NAME:]
                self._failures.move_to_end(key)
            while len(self._failures) > KEPT_MAX:
                self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures of this name from this address."""
        with self._lock:
            self._failures.pop((name, address), None)

    def _left(self, key: tuple[str, str], most: int, now: float) -> float:
        recent = self._recent(key, now)
        return recent[-most] + WINDOW - now if len(recent) >= most else 0.0

    def _recent(self, key: tuple[str, str], now: float) -> list[float]:
        return [at for at in self._failures.get(key, ()) if now - at < WINDOW]
