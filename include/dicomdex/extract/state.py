"""What the elements before decide for those that follow: character set, sign, private creators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dicomdex.extract import values

UNSEEN, UNSIGNED, SIGNED, ASSUMED = range(4)  # Pixel Representation; assumed: not seen, and taken for unsigned


class State:
    """One of these for each combination there is, so that two states are equal where they are the same object.

    `creators` are those of private group `group`: tag -> name.
    """

    __slots__ = ("creators", "encodings", "group", "inner", "moves", "nodes", "signed")

    def __init__(
        self, encodings: Sequence[str], signed: int = UNSEEN, group: int = 0, creators: dict[int, str] | None = None
    ) -> None:
        self.encodings, self.signed, self.group = encodings, signed, group
        self.creators: dict[int, str] = creators or {}
        self.moves: dict[Any, State] = {}
        self.inner: State | None = None
        self.nodes: dict[bytes, Any] = {}  # of elements known in this state, by their bytes

    def moved(self, states: States, *move: Any) -> State:
        """The state after a change: ("encodings", names), ("signed", how) or ("creator", tag, name)."""
        found = self.moves.get(move)
        if found is None:
            found = self.moves[move] = states.state(*self._changed(*move))
        return found

    def item(self, states: States) -> State:
        """The state an item begins in: it inherits all but the creators (PS3.5 section 7.5.3)."""
        if self.inner is None:
            self.inner = states.state(self.encodings, self.signed)
        return self.inner

    def _changed(self, what: str, value: Any, name: str = "") -> tuple[Any, ...]:
        if what == "encodings":
            return value, self.signed
        if what == "signed":
            return self.encodings, value
        group = value >> 16
        kept = self.creators if group == self.group else {}
        return self.encodings, self.signed, group, {**kept, value: name}


class States:
    """The states there are of one encoding; a data set begins in the `first`."""

    def __init__(self) -> None:
        self.known: dict[tuple[Any, ...], State] = {}
        self.first = self.state()

    def forget(self) -> None:
        """Forget the elements that are known."""
        for state in self.known.values():
            state.nodes = {}

    def state(
        self,
        encodings: Sequence[str] = values.DEFAULT_ENCODINGS,
        signed: int = UNSEEN,
        group: int = 0,
        creators: dict[int, str] | None = None,
    ) -> State:
        """The one state of these properties."""
        key = (tuple(encodings), signed, group, tuple((creators or {}).items()))
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = State(key[0], signed, group, creators)
        return found
