"""Deliver a directory as a drop: copied beside the landing area, renamed in, the marker last."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dicomdex.drop import at_depth, directory_of
from dicomdex.settings import Settings
from dicomdex_local.errors import SiteError


def deliver(settings: Settings, source: Path, key: str) -> None:
    """Copy `source` into the landing area as the drop `key`; SiteError when that drop is there already."""
    landing = local_path(settings.landing)
    target = landing / directory_of(at_depth(key, settings.drop_depth))
    if not source.is_dir():
        raise SiteError("what is to be ingested must be a directory")
    if target.exists():
        raise SiteError(f"drop {key} is in the landing area already: choose another key")
    if landing.resolve() in (source.resolve(), *source.resolve().parents):
        raise SiteError("this directory lies in the landing area already")
    part = _beside(landing) / f".{landing.name}.{key}.part"
    shutil.rmtree(part, ignore_errors=True)
    try:
        shutil.copytree(source, part, symlinks=True, ignore=_marker_of(source, settings.marker))
        target.parent.mkdir(parents=True, exist_ok=True)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    if settings.marker:
        (target / settings.marker).touch()


def local_path(url: str) -> Path:
    """The directory of a `file:` URL; SiteError for any other."""
    parts = urlsplit(url)
    if parts.scheme != "file":
        raise SiteError("ingest copies into a landing area on this machine (file:); lay the drop there by other means")
    return Path(unquote(parts.path))


def _beside(landing: Path) -> Path:
    """A directory on the landing area's file system that no one takes for a drop."""
    return landing if os.path.ismount(landing) else landing.parent


def _marker_of(source: Path, marker: str) -> Callable[[str, list[str]], set[str]]:
    # The source's own marker would complete the drop before its last file is there.
    def ignored(directory: str, names: list[str]) -> set[str]:
        return {marker} & set(names) if Path(directory) == source else set()

    return ignored
