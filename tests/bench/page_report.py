"""The figures of the page's bench as a person reads them, with the bars beside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

BARS = {"s1": 8.0, "s2": 15.0, "s3": 15.0}  # ms, p50
SEARCH_BAR = 200.0  # ms, p95 with four clients
NGINX_TIMES, REDIS_TIMES = 2.0, 0.5
SAID = {
    "s1": "S1 bytes by key", "s2": "S2 two attributes, then the file", "s3": "S3 files by ProtocolName",
    "search page": "a whole search page",
}  # fmt: skip


def report(figures: dict[str, Any]) -> str:
    """All stages that were measured."""
    lines: list[str] = []
    for name, lines_of in (("search", _search), ("scenarios", _scenarios), ("bytes", _bytes)):
        if name in figures:
            before, after = figures[name]["load"]
            lines += [f"{name}   (load of the machine {before:.1f}, {after:.1f})", *lines_of(figures[name]), ""]
    return "\n".join(lines).rstrip()


def _search(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['instances']:,} instances, ms p50/p95     1 client      4 clients     16 clients"
    for name, by_clients in found.items():
        if name in ("load", "instances"):
            continue
        cells = [f"{one['p50']:>8.0f}/{one['p95']:<6.0f}" for one in by_clients.values()]
        over = by_clients["4"]["p95"] > SEARCH_BAR
        yield f"{name:<28}{''.join(cells)}{'   OVER THE BAR' if over else ''}".rstrip()
    yield f"bar: p95 with 4 clients {SEARCH_BAR:g} ms"


def _scenarios(found: dict[str, Any]) -> Iterator[str]:
    yield f"{'p50, ms':<36}{'page':>8}{'Redis':>8}     bar"
    for name, one in found.items():
        if name == "load":
            continue
        bar = BARS.get(name)
        over = "   OVER THE BAR" if bar and one["page"] > bar else ""
        theirs = f"{one['redis']:>8.2f}" if "redis" in one else " " * 8
        right = "" if one.get("right", True) else "   WRONG ANSWER"
        yield f"{SAID[name]:<36}{one['page']:>8.2f}{theirs}{f'{bar:>8g}' if bar else ''}{over}{right}".rstrip()


def _bytes(found: dict[str, Any]) -> Iterator[str]:
    yield f"{found['size'] / 1e9:.2f} GB, s, connections{'1':>10}{'10':>10}{'50':>10}"
    for name in ("page", "nginx", "redis", "redis-py"):
        yield f"{name:<27}{''.join(f'{seconds:>10.2f}' for seconds in found[name].values())}"
    for name, bar in (("nginx", NGINX_TIMES), ("redis", REDIS_TIMES), ("redis-py", REDIS_TIMES)):
        times = {count: found["page"][count] / found[name][count] for count in found["page"]}
        over = [count for count, ratio in times.items() if ratio > bar]
        cells = "".join(f"{ratio:>10.2f}" for ratio in times.values())
        yield f"x {name:<25}{cells}   bar {bar:g}{f'   OVER at {chr(44).join(over)}' if over else ''}"
