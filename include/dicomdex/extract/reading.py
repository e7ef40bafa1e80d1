"""What reading one file gave: the part of its row that the bytes decide."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

Outcome = Literal["record", "reject", "ignored", "container"]

_NONE: Mapping[str, Any] = MappingProxyType({})


class Reading(NamedTuple):
    """What became of a file, before it is placed in a drop; fields as the columns of ROW_SCHEMA that have their names.

    `columns`: the promoted ones, by column name. A tuple, since one is made for every file.
    """

    outcome: Outcome
    reason: str | None = None
    detail: str | None = None
    warnings: tuple[str, ...] = ()
    columns: Mapping[str, Any] = _NONE
    header: str | None = None
    header_digest: str | None = None
    pixel_offset: int | None = None
    pixel_length: int | None = None
    frame_offsets: tuple[int, ...] | None = None
    parser: str | None = None
