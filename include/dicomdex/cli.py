"""The command `dicomdex`: a site on this machine, drops for it, and files read without one.

Exit codes: 0 fine, 1 not, 130 interrupted; `extract` and `put` have 3, `header` 4 besides.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from dicomdex import cli_collections, cli_extract, cli_put, cli_rollback, cli_search, cli_serve
from dicomdex.errors import DicomdexError

if TYPE_CHECKING:
    from dicomdex_local.follow import RunView
    from dicomdex_local.site import Site

INTERRUPTED = 130

app = typer.Typer(
    help="Finds DICOM drops, catalogs every file, serves them from Solr, and proves that nothing was lost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(cli_extract.extract)
app.command()(cli_extract.header)
app.command()(cli_put.put)
app.command()(cli_search.search)
app.command()(cli_collections.collections)
app.command()(cli_rollback.rollback)
app.command()(cli_serve.serve)
app.command()(cli_serve.user)
app.add_typer(cli_serve.trail_app, name="trail")
# Without a terminal lines are never folded or cut: scripts and logs read them.
console = Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, soft_wrap=True, width=160)


@app.command()
def fetch() -> None:
    """Make sure of Java and the jars of Solr and Delta; nothing is started."""
    from dicomdex_local.jars import ensure_jars
    from dicomdex_local.java import ensure_java
    from dicomdex_local.layout import default_jars_dir

    ensure_jars(default_jars_dir(), ensure_java())


@app.command()
def up() -> None:
    """Start the site (Solr, Airflow) unless it is up."""
    site = _up()
    _print_urls(site)


@app.command()
def down() -> None:
    """Stop all that a site started, whatever its engines; data stays."""
    from dicomdex_local.cluster import every_site

    for site in every_site():
        site.down()


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False) -> None:
    """What runs, what the alias serves, and the ledger of every drop."""
    from dicomdex_local.cluster import site_of_environment

    site = site_of_environment()
    said = _status(site)
    if as_json:
        sys.stdout.write(json.dumps(said) + "\n")
        return
    for name, engine in said["engines"].items():
        state = "ready" if engine["ready"] else "starting" if engine["running"] else "down"
        console.print(f"  {name:<8} {state:<9} {engine['url']}")
    if said["drops"]:
        _print_ledgers(said)


@app.command()
def ingest(
    directory: Annotated[Path, typer.Argument(help="Directory whose files are one drop.")],
    key: Annotated[str, typer.Option(help="Drop key; the directory's name unless given.")] = "",
) -> None:
    """Copy a directory into the landing area as one drop, and follow it to its verdict."""
    from dicomdex.status import site_status
    from dicomdex_local.delivery import deliver

    site = _up()
    drop = key or directory.resolve().name
    begun = time.time()
    deliver(site.settings(), directory, drop)
    succeeded = _follow(site, [drop], since=begun, fresh=begun)
    found = site_status(site.settings())
    _print_ledgers({**found, "drops": [d for d in found["drops"] if d["drop"] == drop]})
    verdicts = [d["verdict"] for d in found["drops"] if d["drop"] == drop]
    if not succeeded or verdicts != ["ok"]:
        raise typer.Exit(1)


@app.command()
def run() -> None:
    """Start the site, ingest the three sample drops through the DAGs, and compare every file with the truth."""
    from dicomdex_local.sample import SAMPLE_DROPS

    begun = time.monotonic()
    since = time.time()
    site = _up()
    truth = site.lay_samples()
    succeeded = _follow(site, list(SAMPLE_DROPS), since=since)
    told = _report(site, truth)
    _print_urls(site)
    console.print(f"  {len(truth)} drops in {time.monotonic() - begun:.0f} s")
    if not (succeeded and told):
        raise typer.Exit(1)


def main() -> None:
    """The entry point: an error that dicomdex knows is one line, not a traceback."""
    try:
        app()
    except DicomdexError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"dicomdex: {error}", markup=False)
        sys.exit(1)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            Console(stderr=True, soft_wrap=True).print("stopped; run the same command again")
        raise


def _up() -> Site:
    from dicomdex_local.cluster import site_of_environment

    site = site_of_environment()
    if console.is_terminal:
        with console.status("starting the site"):
            site.up(lambda line: console.print(f"  {line}"))
    else:
        site.up(lambda line: console.print(f"  {line}"))
    return site


def _follow(site: Site, drops: list[str], *, since: float, fresh: float = 0.0) -> bool:
    """Show the runs of the drops until they end; whether all succeeded, with the failed tasks named."""
    from dicomdex_local.follow import Follower, failures, progress

    with site.airflow.rest() as rest, progress(console) as show:
        views: list[RunView] = Follower(rest, drops, since=since, fresh=fresh).follow(show)
        lines = [line for seen in views if seen.state == "failed" for line in failures(rest, seen)]
    for line in lines:
        console.print(f"  {line}", style="red", markup=False)
    if lines:
        console.print(f"  logs lie in {site.run.logs / 'tasks'}")
    return all(seen.state == "success" for seen in views)


def _status(site: Site) -> dict[str, Any]:
    from dicomdex.status import alias_status, drops_status

    settings = site.settings()
    engines = site.engines()
    nothing = {"name": settings.alias, "collection": None, "catalog_version": None, "documents": None}
    alias = alias_status(settings) if engines["solr"]["ready"] else nothing
    return {"engines": engines, "alias": alias, "drops": drops_status(settings)}


def _report(site: Site, truth: dict[str, Any]) -> bool:
    """Ledgers, counts, differences from the truth; whether all is as it should be."""
    from dicomdex import steps
    from dicomdex.status import site_status
    from dicomdex_local import report

    settings = site.settings()
    found = site_status(settings)
    _print_ledgers(found)
    counted = report.totals(settings, found)
    console.print(report.totals_table(counted))
    alias = found["alias"]
    console.print(f"  alias {alias['name']} -> {alias['collection']} at catalog version {alias['catalog_version']}")
    verdicts = {drop["drop"]: drop["verdict"] for drop in found["drops"]}
    fine = counted.agree and all(verdicts.get(key) == "ok" for key in truth)
    for key, files in truth.items():
        wrong = report.differences(files, steps.states(settings, key) if key in verdicts else {})
        if wrong:
            report.print_differences(console, key, wrong)
            fine = False
    if fine:
        console.print(f"  truth: {sum(len(files) for files in truth.values()):,} files, every one as it should be")
    return fine


def _print_ledgers(found: dict[str, Any]) -> None:
    from dicomdex_local import report

    console.print(report.ledger_table(found["drops"], wide=console.width >= report.WIDE))


def _print_urls(site: Site) -> None:
    secrets = site.run.secrets
    console.print(f"  Page     {site.page.url}   user admin, password in {secrets / 'web'}")
    console.print(f"  Airflow  {site.airflow.url}   user admin, password in {secrets / 'airflow'}")
    console.print(f"  Solr     {site.solr.base_url}   user search, password in {secrets / 'solr_search'}")
