"""Times a collection's life: `make bench-collection`, or `python -m tests.bench.collection --help`.

A catalog of generated files, then through the real steps with a Solr of 1 GB and Spark on two cores: rebuild, the same
documents without posting and by other means, searches, a drop on top and its repeat, the gate with a wrong document.
With `--directory` everything is kept, and `--stages` runs some of it alone on what is there.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from dicomdex_local.errors import SiteError
from tests.bench.collection_report import report
from tests.bench.collection_site import BenchSite
from tests.bench.collection_stages import STAGES, load_average

FIGURES = "figures.json"


def measure(root: Path, instances: int, stages: list[str]) -> dict[str, Any]:
    """Figures by stage, with those of stages that ran on this directory before; kept after each."""
    kept = root / FIGURES
    figures: dict[str, Any] = json.loads(kept.read_text()) if kept.is_file() else {"instances": instances}
    if figures["instances"] != instances:
        raise SiteError(f"{root} has a catalog of {figures['instances']:,} instances")
    site = BenchSite(root)
    try:
        site.up()
        for name in stages:
            begun = load_average()
            print(f"{name} (load {begun:.1f})", file=sys.stderr, flush=True)
            figures[name] = {**STAGES[name](site, instances), "load": [round(begun, 1), round(load_average(), 1)]}
            kept.write_text(json.dumps(figures, indent=1))
    finally:
        site.down()
    return figures


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench-collection", description=__doc__)
    parser.add_argument("--instances", type=int, default=100_000, help="files of the catalog")
    parser.add_argument("--stages", default=",".join(STAGES), help="those to run, in order")
    parser.add_argument("--directory", type=Path, help="where to work, kept; else a temporary one")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; 1 where something failed."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that Solr is stopped then too
    stages = options.stages.split(",")
    if unknown := [name for name in stages if name not in STAGES]:
        print(f"no stage is called {', '.join(unknown)}: {', '.join(STAGES)}", file=sys.stderr)
        return 2
    try:
        with tempfile.TemporaryDirectory(prefix="dicomdex-bench-", ignore_cleanup_errors=True) as folder:
            figures = measure(options.directory or Path(folder), options.instances, stages)
    except SiteError as error:
        print(error, file=sys.stderr)
        return 1
    print(json.dumps(figures, indent=1) if options.json else report(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
