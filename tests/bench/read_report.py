"""The figures of the reading bench as a person reads them, the bars beside."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

MIX = "mix"
# (corpus is the mix, method) -> times pydicom's files a CPU second, at least.
TIMES_BARS = {(True, "memo on"): 25.0, (True, "memo off"): 8.0, (False, "memo on"): 8.0}
CHILDREN_BAR = 1.5  # times the files a second of one child, with two
FLAT = 1.2  # times the memory at the fewest files, at most, and it is called flat
FALLBACK_BARS = {True: 1.0, False: 10.0}  # percent of the files, at most


def beside(value: float, bar: float, *, at_least: bool) -> str:
    """A bar with its verdict on a value."""
    met = value >= bar if at_least else value <= bar
    return f"{'>=' if at_least else '<='} {bar:g}" + ("" if met else "  MISSED")


def rate_rows(figures: dict[str, Any]) -> list[tuple[str, ...]]:
    """(method, files a CPU second, times pydicom, bar, memo hits) of one corpus."""
    rows = []
    for name, found in figures["methods"].items():
        bar = TIMES_BARS.get((figures["corpus"] == MIX, name))
        times, hits = found["times_pydicom"], found["memo_hits_percent"]
        rows.append((
            name,
            f"{found['files_per_cpu_s']:,.0f}",
            "" if times is None else f"{times:.1f} x",
            "" if bar is None or times is None else beside(times, bar, at_least=True),
            "" if hits is None else f"{hits:.1f} %",
        ))  # fmt: skip
    return rows


def share_lines(figures: dict[str, Any]) -> list[str]:
    """Fallbacks, bytes and what was counted beside, in sentences."""
    share, bar = figures["fallback_percent"], FALLBACK_BARS[figures["corpus"] == MIX]
    rules = ", ".join(f"{count} {rule}" for rule, count in figures["fallback_rules"].items())
    lines = [
        f"fell back to pydicom: {share:.2f} %   {beside(share, bar, at_least=False)}"
        + (f"   ({rules})" if rules else ""),
        f"bytes read a file: {figures['bytes_read_per_file']:,} in {figures['reads_per_file']:g} reads",
    ]
    if figures["left_out"]:
        lines.append(f"left out, not read by both: {figures['left_out']}")
    if figures["to_json_dict_raises"]:
        lines.append(
            f"pydicom's to_json_dict raises: {figures['to_json_dict_raises']} (written with suppress_invalid_tags)"
        )
    if figures["rejects"]:
        lines.append("rejected: " + ", ".join(f"{count} {reason}" for reason, count in figures["rejects"].items()))
    return lines


def end_to_end_rows(runs: dict[str, Any]) -> list[tuple[str, ...]]:
    """(children, files a second by the clock, times one child, bar, files a CPU second)."""
    one, rows = runs["1"]["files_per_s"], []
    for children, run in runs.items():
        times = run["files_per_s"] / one
        bar = beside(times, CHILDREN_BAR, at_least=True) if children == "2" else ""
        rows.append((children, f"{run['files_per_s']:,.0f}", f"{times:.2f} x", bar, f"{run['files_per_cpu_s']:,.0f}"))
    return rows


def memory_line(found: dict[str, int]) -> str:
    """Memory of a child at few and at many files, and whether that is flat."""
    sizes = list(found.values())
    times = sizes[-1] / max(1, sizes[0])
    each = ", ".join(f"{size} MB at {int(files):,} files" for files, size in found.items())
    return f"most memory of a child: {each}; {times:.2f} x   flat (<= {FLAT:g} x)" + (
        "" if times <= FLAT else "  MISSED"
    )


def _table(title: str, headings: tuple[str, ...], rows: list[tuple[str, ...]]) -> Table:
    table = Table(title=title, title_justify="left")
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left")
    for row in rows:
        table.add_row(*row)
    return table


def report(figures: dict[str, Any], console: Console | None = None) -> None:
    """Print all figures."""
    console = console or Console(width=120, highlight=False)
    for corpus in figures["corpora"]:
        title = f"{corpus['corpus']}, {corpus['files']:,} files"
        headings = ("reader", "files / CPU s", "x pydicom", "bar", "memo hits")
        console.print(_table(title, headings, rate_rows(corpus)))
        for line in share_lines(corpus):
            console.print(line, markup=False)
        console.print()
    if runs := figures.get("end_to_end"):
        title = f"dicomdex extract to Parquet, {runs['1']['files']:,} files, median of {len(runs['1']['wall_s'])}"
        headings = ("children", "files / s", "x one", "bar", "files / CPU s")
        console.print(_table(title, headings, end_to_end_rows(runs)))
        console.print(f"load of the machine before: {figures['load']:.1f}")
    if found := figures.get("memory_mb"):
        console.print(memory_line(found))
    for line in figures["missing"]:
        console.print(f"not measured: {line}", markup=False)
