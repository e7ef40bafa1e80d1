"""Find Java 17 or later; where it is missing and we may, install Debian's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from dicomdex_local.errors import SiteError

NEEDED = 17
PACKAGE = "openjdk-17-jre-headless"


def find_java() -> Path | None:
    """The `java` of JAVA_HOME or PATH, if it is new enough."""
    homes = [os.environ["JAVA_HOME"]] if os.environ.get("JAVA_HOME") else []
    candidates = [Path(home) / "bin" / "java" for home in homes]
    on_path = shutil.which("java")
    if on_path:
        candidates.append(Path(on_path))
    return next((java for java in candidates if (version(java) or 0) >= NEEDED), None)


def java_home(java: Path) -> Path:
    """The directory that JAVA_HOME should name for this `java`."""
    return java.resolve().parents[1]


def version(java: Path) -> int | None:
    """Java's feature version (17, 21, 25), or None when this is no Java that runs."""
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_version(said.stderr)


def parse_version(said: str) -> int | None:
    """The feature version in what `java -version` says; `1.8.0` is 8."""
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    return int(found.group(1)) if found else None


def ensure_java() -> Path:
    """The path of `java`; installed by apt when it is missing and we are root, else SiteError."""
    java = find_java()
    if java is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _install()
        java = find_java()
    if java is None:
        raise SiteError(
            f"Java {NEEDED} or later is missing: install it (Debian: apt-get install {PACKAGE}) or set JAVA_HOME"
        )
    return java


def _install() -> None:
    apt = ["apt-get", "-qq", "-y", "install", "--no-install-recommends", PACKAGE]
    if _succeeds(apt):
        return
    # Package lists of a fresh container are empty or old: one look, then once more.
    if not (_succeeds(["apt-get", "-qq", "update"]) and _succeeds(apt)):
        raise SiteError(
            f"Java {NEEDED} is missing and apt-get could not install {PACKAGE}: install it or set JAVA_HOME"
        )


def _succeeds(command: list[str]) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0
