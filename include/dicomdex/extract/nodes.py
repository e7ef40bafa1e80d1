"""What becomes of an element while a data set is walked, as it is remembered."""

from __future__ import annotations

from typing import Any, NamedTuple

from dicomdex.extract.dispatch import Head
from dicomdex.extract.state import State


class Node(NamedTuple):
    """An element: its bytes, its fragment, its columns, the states around it, its tag as a number and as text."""

    raw: bytes
    fragment: bytes
    columns: dict[str, Any] | None
    before: State
    after: State
    tag: int
    text: str


class Absent(NamedTuple):
    """A node that the file does not have."""

    node: Node


class Long(NamedTuple):
    """An element whose header has 12 bytes, `raw`, or that became a reference: then `text` is its JSON up to the
    offset, and `closing` what follows that.
    """

    head: Head
    raw: bytes
    length: int
    text: bytes = b""
    closing: bytes = b""


# What became of an element: the node it was taken by or made into; where it made none, its head, with more where it is
# long, or the state behind an element that is no plain value.
Varying = Head | Long | State
Taken = Node | Absent | Varying
