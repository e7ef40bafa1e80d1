"""Packages that Arrow imports wherever it finds them, kept out of programs that read headers and nothing else.

pandas costs 0.3 to 1.2 s of CPU at the first array, numpy 0.1 s, both together 80 MB.
"""

from __future__ import annotations

import sys
from typing import Any


class Without:
    """A finder of modules that says of some packages that they are not installed."""

    def __init__(self, *packages: str) -> None:
        self._packages = packages

    def find_spec(self, fullname: str, *_: Any) -> None:
        """ModuleNotFoundError for the packages."""
        if fullname in self._packages:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)


def without(*packages: str) -> None:
    """From here on, in this program, these packages can't be imported."""
    sys.meta_path.insert(0, Without(*packages))
