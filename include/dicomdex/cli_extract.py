"""The commands that read files: `dicomdex extract` (many, into a table) and `dicomdex header` (one, to the screen)."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from dicomdex.without import without

REJECTED, REFUSED = 3, 4

Paths = Annotated[list[Path], typer.Argument(metavar="PATH", help="Files and directories to read.")]


def extract(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files and directories to read.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the table goes; made if it is not there.")],
    ndjson: Annotated[
        bool, typer.Option("--ndjson", help="Besides, one JSON object a row in DIR/files.ndjson.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as one JSON object on standard output.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="End with 3 when a file was rejected.")] = False,
    children: Annotated[int, typer.Option("--children", min=0, help="Programs that read; 0 = one a core.")] = 0,
) -> None:
    """Read the header of every file into DIR/files.parquet: one row a file or archive member, columns of the catalog.

    Links are not followed; a directory that you name yourself may be one.
    What is no regular file is a reject row; dotfiles and temporary names in
    directories are `ignored` rows. `path` is absolute; in it %, control
    characters and bytes that are not UTF-8 are written %XX.

    The ledger at the end is that of one drop in an empty catalog. Running
    again replaces what was written; a DIR with other files is refused.

    Exit codes: 0 every file has its row; 3 with --strict, when there are
    rejects; 1 could not go on, DIR is as before; 2 usage; 130 interrupted.
    """
    without("pandas")
    from dicomdex.cli_table import write_table

    summary = write_table(paths, out, children or len(os.sched_getaffinity(0)), ndjson=ndjson)
    _print(summary, as_json=as_json)
    if strict and summary["ledger"]["rejected"]:
        raise typer.Exit(REJECTED)


def header(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A DICOM file; - is standard input.")],
) -> None:
    """Print the header of one file as DICOM JSON (PS3.18 Annex F): one line of UTF-8 on standard output.

    A file that is no record gives one line on standard error,
    `dicomdex: <reason>: <sentence>`, and exit code 4.

    Exit codes: 0 printed; 4 rejected; 1 it could not be read; 2 wrong usage.
    """
    without("numpy", "pandas")
    from dicomdex.cli_header import header_of

    reading = header_of(file)
    if reading.header is None:
        sys.stderr.write(f"dicomdex: {reading.reason}: {reading.detail}\n")
        raise typer.Exit(REFUSED)
    sys.stdout.buffer.write(reading.header.encode("utf-8") + b"\n")
    sys.stdout.buffer.flush()


def _print(summary: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(summary) + "\n")
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"  {summary['line']}")
    parsers = ", ".join(f"{count:,} by {name}" for name, count in summary["parsers"].items())
    if parsers:
        console.print(f"  headers read: {escape(parsers)}")
    for name in summary["files"]:
        console.print(f"  {escape(str(Path(summary['out']) / name))}")
