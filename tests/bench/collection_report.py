"""The figures of the collection bench as a person reads them, the bars beside. The bars are those of a million."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MILLION = 1_000_000
SHARE = 0.15  # of the million's seconds may a rebuild of 100,000 take, the starts of its programs aside
BARS = {
    "rebuild": 240.0, "page 1": 100.0, "page 4": 150.0, "all 1": 200.0, "all 4": 400.0, "validate": 60.0, "named": 10.0,
    "apply": 60.0, "repeat": 0.0, "driver": 2_560.0, "worker": 250.0, "solr": 2_048.0,
}  # fmt: skip
PARTS = (
    ("plan, create", "create"), ("start", "start"), ("resolve", "resolve"), ("Spark's plan", "plan_of_spark"),
    ("roll-ups", "roll_ups"), ("documents and post", "documents_and_post"), ("commit, end", "commit"),
    ("validate", "validate"), ("promote", "promote"),
)  # fmt: skip
DRIVER, WORKER, SOLR = "spark driver (JVM)", "spark python worker", "solr"


def report(figures: dict[str, Any]) -> str:
    """All stages that were measured."""
    sections = {
        "rebuild": _rebuild, "again": _again, "documents": _documents, "posts": _posts, "search": _search,
        "apply": _apply, "wrong": _wrong,
    }  # fmt: skip
    lines = [f"{figures['instances']:,} files"]
    for name, lines_of in sections.items():
        if name in figures:
            before, after = figures[name]["load"]
            lines += ["", f"{name}   (load of the machine {before:g}, {after:g})", *lines_of(figures)]
    return "\n".join([*lines, "", *_memory(figures)])


def beside(name: str, value: float, bar: float, unit: str = "s", digits: int = 1) -> str:
    """A figure, its bar, and whether it is over it."""
    over = "" if value <= bar else "   OVER THE BAR"
    return f"{name:<34}{value:>10,.{digits}f} {unit:<4}  bar {bar:,g} {unit}{over}".rstrip()


def plain(name: str, value: float, unit: str = "s", digits: int = 1) -> str:
    """A figure without a bar."""
    return f"{name:<34}{value:>10,.{digits}f} {unit}".rstrip()


def rebuild_bar(figures: dict[str, Any], stage: str = "rebuild") -> float:
    """Seconds: a million's bar; of fewer files the share of it, and the starts of the two applications."""
    if figures["instances"] >= MILLION:
        return BARS["rebuild"]
    found = figures[stage]
    return round(SHARE * BARS["rebuild"] + found["start"] + found["plan_of_spark"] + found["promote"], 1)


def _again(figures: dict[str, Any]) -> Iterator[str]:
    yield from _rebuild(figures, "again")


def _rebuild(figures: dict[str, Any], stage: str = "rebuild") -> Iterator[str]:
    found = figures[stage]
    yield from (plain(f"  {name}", found[part]) for name, part in PARTS)
    yield beside("built, validated, promoted", found["total"], rebuild_bar(figures, stage))
    yield plain("  CPU of all its programs", sum(one["cpu_s"] for one in found["programs"].values()))
    yield plain("documents", found["documents"], "", 0)
    yield plain("documents/s while posting", found["documents_per_s"], "/s", 0)
    yield f"verdict: {found['verdict']}"


def _documents(figures: dict[str, Any]) -> Iterator[str]:
    yield plain("built and not posted", figures["documents"]["seconds"])
    yield plain("documents/s", figures["documents"]["per_s"], "/s", 0)


def _posts(figures: dict[str, Any]) -> Iterator[str]:
    for name, found in figures["posts"].items():
        if name != "load":
            yield plain(f"documents/s, {name.replace('_', ' ')}", found["documents_per_s"], "/s", 0)


def _search(figures: dict[str, Any]) -> Iterator[str]:
    yield f"{'six facets, ms':<34}{'matches':>10}   1 client p50/p95      4 clients p50/p95"
    for name, found in figures["search"].items():
        if name == "load":
            continue
        kind = "all" if name.startswith("all ") else "page"
        cells = [f"{one['p50']:>8.0f}{one['p95']:>8.0f}" for one in (found["1"], found["4"])]
        over = [f"{n} over {BARS[f'{kind} {n}']:g}" for n in ("1", "4") if found[n]["p95"] > BARS[f"{kind} {n}"]]
        yield f"{name:<34}{found['1']['matches']:>10,.0f}{cells[0]:>19}{cells[1]:>23}   {', '.join(over)}".rstrip()
    yield "bars of p95: pages 100 and 150 ms, everything 200 and 400 ms"


def _apply(figures: dict[str, Any]) -> Iterator[str]:
    first, repeat = figures["apply"]["first"], figures["apply"]["repeat"]
    yield beside("5,000 files applied", first["seconds"], BARS["apply"])
    yield f"  {first['posted']:,} posted, {first['deleted']:,} deleted, {first['unchanged']:,} unchanged"
    yield plain("the same again", repeat["seconds"])
    yield beside("  posted", repeat["posted"], BARS["repeat"], "", 0)


def _wrong(figures: dict[str, Any]) -> Iterator[str]:
    found = figures["wrong"]
    yield beside("validate", found["green"], BARS["validate"])
    yield beside("  longer with two wrong documents", found["red"] - found["green"], BARS["named"])
    yield f"  both named: {'yes' if found['named'] else 'NO'}; checks that are red: {len(found['checks_red'])}"
    yield plain("  memory of validate", found["green_mb"], "MB", 0)


def _memory(figures: dict[str, Any]) -> Iterator[str]:
    """CPU and memory of each kind of program, by what ran."""
    yield f"{'':<26}{'CPU s':>9}{'peak MB':>9}   (peak: the most of one program; Solr's since it was started)"
    bars = {DRIVER: BARS["driver"], WORKER: BARS["worker"], SOLR: BARS["solr"]}
    ran = [(name, figures[name]["programs"]) for name in ("rebuild", "again", "documents") if name in figures]
    ran += [(f"apply, {name}", one["programs"]) for name, one in figures.get("apply", {}).items() if name != "load"]
    for name, programs in ran:
        yield name
        for kind, spent in sorted(programs.items()):
            over = f"   OVER THE BAR of {bars[kind]:,g}" if spent["peak_mb"] > bars.get(kind, 1e9) else ""
            yield f"  {kind:<24}{spent['cpu_s']:>9,.1f}{spent['peak_mb']:>9,.0f}{over}"
