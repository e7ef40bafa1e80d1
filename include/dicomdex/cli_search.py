"""`dicomdex search`: the query object from a command line, its page as a table or all of it as a file."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dicomdex.cli_errors import CannotGoOn
from dicomdex.errors import QueryRefused

if TYPE_CHECKING:
    from dicomdex.adapters.solr_search import Counted, Page, Search
    from dicomdex.attributes import Level
    from dicomdex.search import Query
    from dicomdex.search_fields import Field
    from dicomdex.settings import Settings

FROM_INPUT = "-"
PLURAL = {"study": ("study", "studies"), "series": ("series", "series"), "instance": ("instance", "instances")}

Many = list[str] | None


def search(
    text: Annotated[str, typer.Argument(help="Words that all must be found; - reads them from standard input.")] = "",
    level: Annotated[str, typer.Option(help="study, series or instance.")] = "instance",
    where: Annotated[Many, typer.Option(help="Modality=CT, StudyDate=2026-01..2026-02, PatientName=- (input).")] = None,
    missing: Annotated[Many, typer.Option(help="Attribute that is not there.")] = None,
    facet: Annotated[Many, typer.Option(help="Attribute whose values are counted.")] = None,
    sort: Annotated[Many, typer.Option(help="Attribute; -Attribute = descending.")] = None,
    rows: Annotated[int, typer.Option(help="Rows of the table, at most 200.")] = 20,
    columns: Annotated[str, typer.Option(help="Attributes, with commas between them.")] = "",
    copies: Annotated[bool, typer.Option("--copies", help="Duplicates and conflicts too.")] = False,
    as_csv: Annotated[str, typer.Option("--csv", help="Write all matches to this file; - = here.")] = "",
    as_json: Annotated[str, typer.Option("--json", help="One JSON object a line; - = here.")] = "",
    as_parquet: Annotated[str, typer.Option("--parquet", help="Write all matches to this file.")] = "",
) -> None:
    """Search the collection behind the alias. Arguments are seen by all users of a machine: names come by input."""
    named = (where or [], missing or [], facet or [], sort or [], columns.split(",") if columns else [])
    with _search() as asked:
        query = _query(asked, text, level, named, rows=rows, copies=copies)
        files = [(kind, file) for kind, file in (("csv", as_csv), ("json", as_json), ("parquet", as_parquet)) if file]
        for kind, file in files:
            _export(asked, query, kind, file)
        if not files:
            _show(asked, query)


@contextmanager
def _search() -> Iterator[Search]:
    from dicomdex.adapters.solr import Solr
    from dicomdex.adapters.solr_search import Search
    from dicomdex.attributes import table

    settings = site_settings()
    with Solr.of(settings) as solr:
        yield Search(solr, settings.alias, table(settings))


def _query(asked: Search, text: str, level: str, named: tuple[list[str], ...], *, rows: int, copies: bool) -> Query:
    """The query of the arguments; `named`: conditions, what is missing, facets, order, columns."""
    from dicomdex import cli_where
    from dicomdex.search import Facet, Query

    where, missing, facets, sort, columns = named
    return Query(
        level=cast("Level", level),
        copies=copies,
        text=_line("text") if text == FROM_INPUT else text,
        filters=cli_where.filters(where, missing, asked.fields, _line),
        facets=tuple(Facet(name) for name in facets),
        sort=tuple(sort),
        columns=tuple(name.strip() for name in columns),
        rows=rows,
    )


def site_settings() -> Settings:
    """DICOMDEX_* where they name a Solr, else the site of this machine."""
    if os.environ.get("DICOMDEX_SOLR_URL"):
        from dicomdex.settings import Settings

        return Settings.load()
    from dicomdex_local.cluster import site_of_environment

    return site_of_environment().settings()


def console() -> Console:
    """A terminal is shown a table of its width; a file or a program whole lines."""
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, soft_wrap=True, width=400)


def _line(name: str) -> str:
    """A value from standard input; a person at a terminal is asked for it."""
    if sys.stdin.isatty():
        sys.stderr.write(f"{name}: ")
        sys.stderr.flush()
    try:
        line = sys.stdin.readline()
    except UnicodeDecodeError:
        raise QueryRefused(f"{name} is given bytes that are no text") from None
    if not line.strip():
        raise QueryRefused(f"standard input has no line for {name}")
    return line.strip()


def _show(asked: Search, query: Query) -> None:
    from dicomdex.search_body import columns_of

    page, to = asked.page(query), console()
    counts = asked.counts(query, page.total)
    if page.documents:
        to.print(_documents_table(page, [asked.fields[name] for name in columns_of(query, asked.fields)]))
    for name, counted in page.facets.items():
        to.print(_facet_table(asked.fields[name], counted))
    said = ", ".join(_number(count, level) for level, count in counts.items())
    shown = f"{len(page.documents):,} of {_number(page.total, query.level)} shown ({said})"
    to.print(shown if page.total else "nothing found")


def _facet_table(field: Field, counted: Counted) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("count", justify="right")
    table.add_column(field.name)
    for value, count in counted.values:
        table.add_row(f"{count:,}", _shown(field, value))
    if counted.missing:
        table.add_row(f"{counted.missing:,}", Text("none", style="dim"))
    return table


def _documents_table(page: Page, fields: list[Field]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for field in fields:
        numeric = field.shape in ("int", "float")
        table.add_column(field.name, justify="right" if numeric else "left", overflow="fold")
    for document in page.documents:
        table.add_row(*(_shown(field, document.get(field.name)) for field in fields))
    return table


def _shown(field: Field, value: Any) -> Text:
    """A value for a terminal: no character of it moves the cursor or is read as markup."""
    from dicomdex.export import cell

    return Text("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cell(field, value)))


def _number(count: int, level: str) -> str:
    one, many = PLURAL[level]
    return f"{count:,} {one if count == 1 else many}"


def _export(asked: Search, query: Query, kind: str, file: str) -> None:
    """All matches by cursor; a file is there only when it is whole, and for its owner alone."""
    from dataclasses import replace

    from dicomdex.export import FORMATS

    fields = [asked.fields[name] for name in query.columns] or [
        field for field in asked.fields if field.shown_on(query.level)
    ]
    wanted = replace(query, columns=tuple(field.name for field in fields))
    write: Callable[..., int] = FORMATS[kind]
    if file == FROM_INPUT:
        if kind == "parquet":
            raise QueryRefused("Parquet goes to a file")
        write(sys.stdout.buffer, asked.all(wanted), fields, query.level)
        return
    written = _written(Path(file), lambda made: write(made, asked.all(wanted), fields, query.level))
    console().print(f"{_number(written, query.level)} written to {file}", markup=False)


def _written(target: Path, write: Callable[[IO[bytes]], int]) -> int:
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise CannotGoOn(f"{target}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as made:
            written = write(made)
        Path(name).replace(target)
    except OSError as error:
        raise CannotGoOn(f"{target}: {error.strerror}") from None
    finally:
        Path(name).unlink(missing_ok=True)
    return written
