"""Times generated drops through the whole line: `make bench-line`, or `python -m tests.bench.line --help`.

A site of its own starts in a temporary directory on free ports. A drop of 10,000 instances comes first, then drops
of 1,000 beside it, one after the other.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from dicomdex_local.airflow_rest import AirflowRest
from dicomdex_local.errors import SiteError
from dicomdex_local.follow import Follower, RunView, failures
from dicomdex_local.layout import default_jars_dir
from dicomdex_local.ports import Ports
from dicomdex_local.sample import MARKER, lay_hospital
from dicomdex_local.site import Site
from tests.bench.cold import make_run_seconds
from tests.bench.measured import DropSeconds, drop_seconds
from tests.watch import Watch, watching

FIRST_DAY = date(2026, 1, 1)
STAGES = ("sense", "list", "extract", "commit", "apply", "validate", "total")
# Most seconds, on two cores; `ratio` compares the last drop with the second.
BARS = {"total": 150.0, "sense": 10.0, "commit": 2.0, "ratio": 1.5, "cold": 480.0, "warm": 90.0}
MEGABYTE = 1 << 20


def measured_drops(site: Site, instances: int, second: int, drops: int) -> Iterator[DropSeconds]:
    """Lay and follow one drop after the other; SiteError where a run fails."""
    with site.airflow.rest() as rest:
        for place in range(drops):
            day = FIRST_DAY + timedelta(days=place)
            count = second if place else instances
            # From the third on: the second's day before has another number of instances.
            previous = day - timedelta(days=1) if place > 1 else None
            lay_hospital(site.landing, instances=count, day=day, previous=previous)
            yield _followed(rest, site.landing / day.isoformat() / MARKER, count)


def _followed(rest: AirflowRest, marker: Path, instances: int) -> DropSeconds:
    drop, marked = marker.parent.name, marker.stat().st_mtime
    seen = Follower(rest, [drop], since=0.0).follow(_quiet)[0]
    if seen.state != "success":
        raise SiteError("; ".join(failures(rest, seen)) or f"the run of {drop} ended {seen.state}")
    return drop_seconds(rest, drop, seen.run_id, marked=marked, instances=instances)


def _quiet(_seen: RunView) -> None:
    return None


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures: seconds of each drop, peak memory by kind of program, the ratio of the last to the second."""
    with tempfile.TemporaryDirectory(prefix="dicomdex-bench-", ignore_cleanup_errors=True) as folder:
        settings = {"DICOMDEX_BATCH_FILES": str(options.batch_files)}
        run = Path(folder) / "run"
        site = Site(run, ports=Ports.free(), jars=default_jars_dir(), landing=run / "landing", settings=settings)
        found: list[DropSeconds] = []
        try:
            site.up(_say)
            before = cpu_by_kind(run)  # of starting the site
            with watching(run, seconds=1.0) as watch:
                for drop in measured_drops(site, options.instances, options.second, options.drops):
                    found.append(drop)
                    _say(_row(drop))
        finally:
            site.down()
    return _figures(found, watch, before)


def cpu_by_kind(run: Path) -> dict[str, float]:
    """CPU seconds so far, by kind of program."""
    watch = Watch()
    watch.look(run)
    return {kind: watch.cpu_of(kind) for kind in watch.peak_rss}


def _figures(found: list[DropSeconds], watch: Watch, before: dict[str, float]) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "drops": [drop.as_json() for drop in found],
        "memory_mb": {
            kind: {
                "one_program_rss": round(watch.peak_rss[kind] / MEGABYTE),
                "all_of_kind_pss": round(watch.peak_pss[kind] / MEGABYTE),
                "cpu_seconds": round(watch.cpu_of(kind) - before.get(kind, 0.0), 1),
            }
            for kind in sorted(watch.peak_rss)
        },
    }
    if len(found) > 2:
        figures["ratio"] = found[-1].total / found[1].total
    return figures


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _row(drop: DropSeconds) -> str:
    return f"{drop.drop}  {drop.instances:>7,}" + "".join(f"{getattr(drop, s):>10.1f}" for s in STAGES)


def _beside(name: str, value: float, unit: str = " s") -> str:
    verdict = "" if value <= BARS[name] else "   OVER THE BAR"
    return f"{name:<10}{value:>8.2f}{unit}   bar {BARS[name]:g}{unit}{verdict}"


def report(figures: dict[str, Any]) -> str:
    """The figures as a person reads them, the bars beside."""
    lines = [f"{'drop':<10}{'instances':>9}" + "".join(f"{stage:>10}" for stage in STAGES)]
    drops = [DropSeconds(**drop) for drop in figures["drops"]]
    lines += [_row(drop) for drop in drops]
    if drops:
        lines += ["", *(_beside(name, getattr(drops[0], name)) for name in ("total", "sense", "commit"))]
    if "ratio" in figures:
        lines.append(_beside("ratio", figures["ratio"], ""))
    lines += [_beside(name, seconds) for name, seconds in figures.get("make_run", {}).items() if name in BARS]
    lines += ["", f"{'peak memory, MB':<26}{'one (RSS)':>10}{'all (PSS)':>10}{'CPU s':>10}"]
    for kind, sizes in figures["memory_mb"].items():
        lines.append(
            f"{kind:<26}{sizes['one_program_rss']:>10,}{sizes['all_of_kind_pss']:>10,}{sizes['cpu_seconds']:>10.1f}"
        )
    return "\n".join(lines)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench-line", description=__doc__)
    parser.add_argument("--instances", type=int, default=10_000, help="of the first drop")
    parser.add_argument("--second", type=int, default=1_000, help="instances of every further drop")
    parser.add_argument("--drops", type=int, default=31, help="drops in all; 0 = none")
    parser.add_argument("--batch-files", type=int, default=2_600, help="files in a batch, DICOMDEX_BATCH_FILES")
    parser.add_argument("--make-run", action="store_true", help="also time `make run` on a bare clone")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 1 where a run failed."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the site is stopped then too
    try:
        figures = measure(options) if options.drops else {"drops": [], "memory_mb": {}}
        if options.make_run:
            figures["make_run"] = make_run_seconds(_say)
    except SiteError as error:
        _say(str(error))
        return 1
    print(json.dumps(figures, indent=1) if options.json else report(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
