"""The packages that Spark's executors need, as one zip for `py_files`: `python -m dicomdex.packages OUT.zip`.

Executors have the pinned wheels of requirements.lock and this zip, nothing else of dicomdex.
"""

from __future__ import annotations

import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("dicomdex", "dicomdex_spark", "configsets")
ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def write_packages(target: Path) -> Path:
    """The zip: the same bytes for the same sources, so that it can be compared and cached; whole or not at all."""
    temporary = target.with_name(f".{target.name}.tmp")
    with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for package in PACKAGES:
            home = _home(package)
            for path in sorted(home.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    entry = zipfile.ZipInfo(path.relative_to(home.parent).as_posix(), ZIP_DATE)
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(entry, path.read_bytes())
    temporary.replace(target)
    return target


def _home(package: str) -> Path:
    """Where a package is installed, found without importing it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{package} is not installed", name=package)
    return Path(spec.submodule_search_locations[0])


def main() -> None:
    """Write the zip to the one argument."""
    if len(sys.argv) != 2:
        sys.exit("usage: python -m dicomdex.packages OUT.zip")
    write_packages(Path(sys.argv[1]).absolute())


if __name__ == "__main__":
    main()
