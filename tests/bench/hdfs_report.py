"""The figures of the HDFS bench as a person reads them, the bars beside."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.read_report import beside

LIST_BAR = 1.0  # seconds for 5,000 files in ten directories, at most
SHARE_BAR = 0.6  # of the bare reads, unless the CPU is what bounds it
BYTES_BAR = 40 << 10  # read of a file of 500 KB, at most


def rows(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(what, figure, bar) of one drop."""
    large = "local_files_per_s" in found
    bar = SHARE_BAR * found["bare_files_per_s"]
    local = found.get("local_files_per_s")
    least = min(bar, local) if local else bar
    listing = beside(found["walk_s"], LIST_BAR, at_least=False) if large else ""
    reading = beside(found["extract_files_per_s"], round(least), at_least=True)
    taken = beside(round(found["bytes_read_per_file"]), BYTES_BAR, at_least=False) if large else ""
    return [
        ("files, mean size", f"{found['files']:,}, {found['mean_bytes'] / 1024:,.0f} KB", ""),
        ("list (walk)", f"{found['walk_s']:.2f} s", listing),
        ("list (manifest)", f"{found['list_s']:.2f} s", ""),
        ("bare reads of 16 KB", f"{found['bare_files_per_s']:,.0f} files/s", ""),
        ("extract", f"{found['extract_files_per_s']:,.0f} files/s", reading),
        ("the same from a local disk", f"{local:,.0f} files/s" if local else "", ""),
        ("CPU a file: bare read", f"{found['bare_cpu_ms']:.2f} ms", ""),
        ("CPU a file: list, extract, commit", f"{found['cpu_ms']:.2f} ms", ""),
        ("CPU a file: the same from a local disk", f"{found['local_cpu_ms']:.2f} ms" if local else "", ""),
        ("list + extract + commit", f"{found['total_s']:.1f} s", ""),
        ("bytes read a file", f"{found['bytes_read_per_file']:,.0f} in {found['reads_per_file']:.2f} reads", taken),
    ]


def show(found: dict[str, dict[str, Any]]) -> None:
    """One table a drop."""
    console = Console(highlight=False, soft_wrap=True)
    for name, figures in found.items():
        table = Table(title=f"{name}, {figures['reads']} reads at once in each of two batches", box=None)
        for column in ("", "figure", "bar"):
            table.add_column(column)
        for row in rows(figures):
            table.add_row(*row)
        console.print(table)
