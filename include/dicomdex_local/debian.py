"""Programs of Debian that the site or its tests need: looked for, and installed by apt where we may."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from dicomdex_local.errors import SiteError


def find_program(name: str, places: Sequence[str] = ()) -> Path | None:
    """The program on PATH, else the one of the last (newest) directory that a glob of `places` finds; None without."""
    found = shutil.which(name)
    if found:
        return Path(found)
    candidates = [path / name for place in places for path in sorted(Path("/").glob(place.lstrip("/")))]
    return next((one for one in reversed(candidates) if os.access(one, os.X_OK)), None)


def ensure_program(name: str, package: str, places: Sequence[str] = ()) -> Path:
    """The program's path; its package is installed when it is missing and we are root, else SiteError."""
    found = find_program(name, places)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _install(package)
        found = find_program(name, places)
    if found is None:
        raise SiteError(f"{name} is missing: install it (Debian: apt-get install {package})")
    return found


def _install(package: str) -> None:
    apt = ["apt-get", "-qq", "-y", "install", "--no-install-recommends", package]
    # Package lists of a fresh container are empty or old: one look, then once more.
    if not (_succeeds(apt) or (_succeeds(["apt-get", "-qq", "update"]) and _succeeds(apt))):
        raise SiteError(f"apt-get could not install {package}: install it and try again")


def _succeeds(command: list[str]) -> bool:
    # No service of the system's own may start beside ours: RUNLEVEL=1 is what Debian's scripts look at.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0
