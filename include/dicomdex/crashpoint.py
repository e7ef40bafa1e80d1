"""Crash points: named places at which a test kills the program, to show that running it again ends right.

Inert unless the environment variable DICOMDEX_CRASHPOINT names the point, which only tests set; as `point@file` it
kills once, while that file is there, and takes it away: who tries again goes on.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

VARIABLE = "DICOMDEX_CRASHPOINT"
POINTS = (
    "list-claimed",  # the listing has its number and no manifest
    "extract-written",  # a batch's files are written, nobody was told
    "commit-renamed",  # the files lie in the catalog's place, no transaction names them
    "commit-committed",  # the transaction went through, the digests are not read
    "rebuild-created",  # the collection is there and says nothing of itself
    "index-posted",  # all documents are posted, none is committed
    "index-committed",  # all documents are to be seen, the collection has no version
    "apply-posted",  # the changed documents are posted, none is committed
    "apply-committed",  # the changed documents are to be seen, the version is the old one
    "promote-gated",  # the gate is green, the alias has not moved
    "promote-pointed",  # the alias has moved, nobody was told
    "retire-deleted",  # a collection is gone, what the work area knows of it is not
)
PUT_POINTS = (
    "put-sent",  # one more file of a drop is in the landing area
    "put-listed",  # all files are, the marker is not
)


def crashpoint(name: str) -> None:
    """SIGKILL the own program where a test asked for it."""
    point, _, armed = os.environ.get(VARIABLE, "").partition("@")
    if point == name and (not armed or _disarmed(Path(armed))):
        os.kill(os.getpid(), signal.SIGKILL)


def _disarmed(file: Path) -> bool:
    """Whether it was us who took the file away."""
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    return True
