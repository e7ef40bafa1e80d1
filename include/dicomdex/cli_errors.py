"""What ends a command with one line. Unlike the errors of tasks and services it shows the path: terminals may."""

from __future__ import annotations

from dicomdex.errors import DicomdexError


class CannotGoOn(DicomdexError):
    """Something that was named on the command line can't be read or written; the message says what.

    `unnamed`: the same for logs, files by their ids; empty where the message has no other words for it.
    """

    def __init__(self, message: str, unnamed: str = "") -> None:
        super().__init__(message)
        self.unnamed = unnamed
