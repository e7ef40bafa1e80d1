"""Where the walker is not sure: the file is then read by pydicom instead, and the row says why."""

from __future__ import annotations

import re

SOP_CLASS, SOP_INSTANCE = 0x00080016, 0x00080018
WARNINGS_MAX = 100  # of one file
UID = re.compile(r"(?=\.*[0-9])[0-9.]{1,64}").fullmatch

# What a parser may raise over broken bytes: pydicom's, and a defect of our own.
PARSE_ERRORS = (
    ValueError, KeyError, IndexError, TypeError, AttributeError, NotImplementedError, RecursionError, EOFError,
    OverflowError, LookupError, OSError,
)  # fmt: skip


def tag_text(tag: int) -> str:
    """`gggg,eeee` in lower case hex."""
    return f"{tag >> 16:04x},{tag & 0xFFFF:04x}"


class Doubt(Exception):
    """A construct the walker leaves to pydicom: a rule's name and, where there is one, the element's tag."""

    def __init__(self, rule: str, tag: int | None = None) -> None:
        super().__init__(rule)
        self.rule, self.tag = rule, tag

    @property
    def warning(self) -> str:
        """What the row says: `fallback_<rule>` or `fallback_<rule> gggg,eeee`."""
        return f"fallback_{self.rule}" + ("" if self.tag is None else f" {tag_text(self.tag)}")
