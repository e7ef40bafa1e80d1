"""What a person sees at the end: ledgers, counts of storage, catalog and Solr, the verdicts, where to look next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from dicomdex.adapters.catalog import Catalog
from dicomdex.adapters.storage import storage
from dicomdex.drop import directory_of
from dicomdex.expected import ExpectedDocuments
from dicomdex.settings import Settings
from dicomdex.steps_documents import Dates, expected_records

DIFFERENCES_SHOWN = 10
COLUMNS = ("listed", "indexed", "duplicate", "conflict", "rejected", "ignored")
# A terminal that is narrower has no room for the reasons of rejects.
WIDE = 116


@dataclass(frozen=True)
class Totals:
    """Files, members of archives and documents of the drops as storage, catalog and Solr have them."""

    storage_files: int
    catalog_files: int
    catalog: dict[str, int]
    solr: dict[str, int]
    members: int = 0

    @property
    def agree(self) -> bool:
        """Whether all of them are the same."""
        return self.storage_files == self.catalog_files and self.catalog == self.solr


def totals(settings: Settings, status: Mapping[str, Any]) -> Totals:
    """Counted now: the landing area is listed, the catalog is resolved; Solr's counts are those of the status."""
    found = Catalog(settings.catalog)
    expected = ExpectedDocuments(0)
    version = found.version()
    for part in expected_records(found, version, found.digests_version(), Dates()):
        expected.add(part)
    catalog = expected.by_level()
    members = [found.rows(version, drop=drop["drop"], columns=("member",))["member"] for drop in status["drops"]]
    catalog_files = sum(of_drop.null_count for of_drop in members)
    landing = storage(settings.landing)
    return Totals(
        storage_files=sum(1 for drop in status["drops"] for _ in landing.walk(directory_of(drop["drop"]))),
        catalog_files=catalog_files,
        catalog=catalog,
        solr={level: (status["alias"]["documents"] or {}).get(level, 0) for level in catalog},
        members=sum(map(len, members)) - catalog_files,
    )


def reasons(counts: Mapping[str, int], shown: int = 2) -> str:
    """The most frequent reasons of a ledger: `(9 no_sop_instance_uid, 8 dicomdir, ..)`."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    words = [f"{count:,} {reason}" for reason, count in ordered[:shown]]
    return f"({', '.join([*words, '..'] if len(ordered) > shown else words)})" if words else ""


def ledger_table(drops: Sequence[Mapping[str, Any]], *, wide: bool = True) -> Table:
    """One line a drop: what became of its files, and the verdict; `wide` with the reasons of rejects."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("drop", no_wrap=True)
    for name in COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
        if name == "rejected" and wide:
            table.add_column("", no_wrap=True)
    removed = any(drop["removed"] for drop in drops)
    if removed:
        table.add_column("removed", justify="right", no_wrap=True)
    table.add_column("verdict")
    for drop in drops:
        table.add_row(drop["drop"], *_cells(drop, wide=wide, removed=removed), str(drop["verdict"]))
    return table


def _cells(drop: Mapping[str, Any], *, wide: bool, removed: bool) -> list[str]:
    numbers = [drop["listed"], drop["indexed"], drop["duplicate"], drop["conflict"], sum(drop["rejected"].values())]
    cells = [f"{number:,}" for number in numbers]
    cells += [reasons(drop["rejected"])] if wide else []
    cells += [f"{sum(drop['ignored'].values()):,}"]
    return [*cells, f"{drop['removed']:,}"] if removed else cells


def totals_table(found: Totals) -> Table:
    """Storage, catalog and Solr side by side."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("", "storage", "catalog", "Solr"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    table.add_row("files", f"{found.storage_files:,}", f"{found.catalog_files:,}", "")
    if found.members:
        table.add_row("in archives", "", f"{found.members:,}", "")
    for name, level in (("instances", "instance"), ("copies", "copy"), ("series", "series"), ("studies", "study")):
        table.add_row(name, "", f"{found.catalog[level]:,}", f"{found.solr[level]:,}")
    return table


def differences(
    expected: Mapping[str, tuple[str, str | None]], found: Mapping[str, tuple[str, str | None]]
) -> list[str]:
    """Files whose state or reason is not the expected one, each in a line that names the file."""
    lines = []
    for path in sorted(expected.keys() | found.keys()):
        want, have = expected.get(path), found.get(path)
        if want is None or have is None or tuple(want) != tuple(have):
            lines.append(f"{path}: expected {_said(want)}, found {_said(have)}")
    return lines


def print_differences(console: Console, name: str, lines: list[str]) -> None:
    """The first ten, and how many there are."""
    console.print(f"  {name}: {len(lines)} files are not what they should be", style="red")
    for line in lines[:DIFFERENCES_SHOWN]:
        console.print(f"    {line}", markup=False, highlight=False, soft_wrap=True)


def _said(state: tuple[str, str | None] | None) -> str:
    if state is None:
        return "nothing"
    return f"{state[0]} ({state[1]})" if state[1] else state[0]
