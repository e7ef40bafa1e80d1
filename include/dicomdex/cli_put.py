"""`dicomdex put DIR KEY`: a directory becomes a drop of the landing area, on local disks, HDFS or an object store."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, TransferSpeedColumn

from dicomdex.cli_progress import Told

if TYPE_CHECKING:
    from dicomdex.settings import Settings

LEFT_OUT = 3
_NAMED = 10


def put(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Directory whose files are one drop.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="Drop key, such as 2026-11-21; ~ between directories.")],
    threads: Annotated[
        int, typer.Option("--threads", min=0, max=256, help="Files at the same time; 0 = 8 to disks, 32 elsewhere.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as one JSON object on standard output.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="End with 3 when something was left out.")] = False,
) -> None:
    """Send DIR into the landing area (DICOMDEX_LANDING) as the drop KEY, every file verified, its marker last.

    Sizes and SHA-256 are compared: files on disks and HDFS are read back,
    an object store says the checksum of what it has received.

    Interrupted, run it again: what is there with the same bytes is not sent
    again. A file that is there with other bytes, or that DIR does not have,
    is named; nothing is replaced. What is no regular file is left out.

    Exit codes: 0 the drop is complete; 3 with --strict, when something was
    left out; 1 could not go on; 2 usage; 130 interrupted.
    """
    from dicomdex.steps_put import put as send
    from dicomdex.steps_put import size_of

    begun, settings = time.monotonic(), _settings()
    with _Shown(Console(stderr=True, highlight=False), size_of(directory, settings.marker)) as shown:
        done = send(settings, directory, key, threads=threads, told=shown.add)
    _print({**done, "seconds": round(time.monotonic() - begun, 3)}, as_json=as_json)
    if strict and done["left_out"]:
        raise typer.Exit(LEFT_OUT)


def _settings() -> Settings:
    """Those of the environment, where they name a landing area: all that an edge node needs. Else those of the site."""
    if not os.environ.get("DICOMDEX_LANDING"):
        from dicomdex_local.cluster import site_of_environment

        return site_of_environment().settings()
    from dicomdex.settings import Settings

    unused = {name: f"file:///not/set/{name}" for name in ("work", "catalog")}
    return Settings.load(
        **{name: url for name, url in unused.items() if not os.environ.get(f"DICOMDEX_{name.upper()}")}
    )


class _Shown(Told):
    """Counts the files and bytes that are there, and shows them."""

    def __init__(self, console: Console, size: tuple[int, int]) -> None:
        self._all_files, self._all_bytes = size
        self._files = self._bytes = 0
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
        super().__init__(console, columns, self._all_bytes, self._said())

    def add(self, files: int, size: int) -> None:
        """So many more files and bytes are there; called by one thread at a time."""
        self._files += files
        self._bytes += size
        line = f"{self._said()}, {self._bytes / 1e6:,.0f} of {self._all_bytes / 1e6:,.0f} MB"
        self.tell(self._bytes, self._said(), line)

    def _said(self) -> str:
        return f"{self._files:,} of {self._all_files:,} files"


def _print(done: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(done) + "\n")
        return
    console = Console(highlight=False, soft_wrap=True)
    there = f", {done['there']:,} were there already" if done["there"] else ""
    console.print(f"  {done['drop']}: {done['sent']:,} files sent ({done['sent_bytes'] / 1e6:,.1f} MB){there}")
    console.print(f"  {done['files']:,} files verified ({done['verified_by']}) in {done['seconds']:,.1f} s")
    for path in done["left_out"][:_NAMED]:
        console.print(f"  left out, no regular file: {escape(path)}")
    if len(done["left_out"]) > _NAMED:
        console.print(f"  and {len(done['left_out']) - _NAMED:,} more")
    if done["marker"]:
        state = "was there already" if done["was_complete"] else "written last"
        console.print(f"  {done['marker']} {state}: the drop is complete")
