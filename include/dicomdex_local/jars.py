"""Jars of Solr and Delta, and of HDFS where it is asked for: downloaded once, by Maven or by the Ivy of pyspark.

What counts is the committed list of sha256 beside each pom: a file too many, too few or changed stops everything.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dicomdex_local.errors import SiteError
from dicomdex_local.layout import CONF

JAR_SETS = ("solr", "delta")
HDFS = "hdfs"  # 56 MB that only a site with an HDFS of its own needs
MAVEN_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
DOWNLOAD_LIMIT = 1800.0


def wanted(name: str) -> dict[str, str]:
    """File name -> sha256 of the jars of a set, from the committed list."""
    lines = (CONF / name / "jars.sha256").read_text().splitlines()
    return {file: digest for digest, file in (line.split() for line in lines)}


def differences(directory: Path, expected: dict[str, str]) -> list[str]:
    """What is wrong with a directory of jars, in words; empty when it holds exactly what is expected."""
    found = {path.name: path for path in directory.iterdir()}
    wrong = [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
    wrong += [f"{name} does not belong" for name in sorted(found.keys() - expected.keys())]
    for name in sorted(found.keys() & expected.keys()):
        with found[name].open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected[name]:
                wrong.append(f"{name} has another sha256")
    return wrong


def ensure_jars(root: Path, java: Path, sets: Sequence[str] = JAR_SETS) -> dict[str, Path]:
    """Set name -> directory of its checked jars below `root`; downloads what is not there, SiteError if it differs."""
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / ".lock"):
        for name in sets:
            directory = root / name
            if not directory.is_dir():
                _download(name, directory, java)
            else:
                _check(name, directory, f"delete {directory} and run again")
    return {name: root / name for name in sets}


def pyspark_jars(names: Sequence[str]) -> list[Path]:
    """Jars of the pyspark wheel, one for each artifact; SiteError naming the first that is not there."""
    found = []
    for name in names:
        jars = sorted(_pyspark_folder().glob(f"{name}-[0-9]*.jar"))
        if not jars:
            raise SiteError(f"{name} is not among the jars of pyspark: install what requirements.lock says")
        found.append(jars[-1])
    return found


def _download(name: str, directory: Path, java: Path) -> None:
    maven = shutil.which("mvn")
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=directory.parent) as temporary:
        jars = Path(temporary) / "jars"
        jars.mkdir()
        command = maven_command(maven, name, jars) if maven else ivy_command(java, name, jars)
        _run(command, name)
        _check(name, jars, "the download is not what the list says, so nothing was kept")
        jars.rename(directory)


def _run(command: list[str], name: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise SiteError(f"jars of {name}: the download took over {DOWNLOAD_LIMIT:.0f} s: try again") from None
    if done.returncode != 0:
        reason = _first_error(done.stdout + done.stderr)
        raise SiteError(f"jars of {name}: the download failed ({reason}): check the network and try again")


def _first_error(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line or "not found" in line or "FAILED" in line]
    return ((errors or lines or ["no output"])[0])[:300]


def maven_command(maven: str, name: str, jars: Path) -> list[str]:
    """Copy the runtime dependencies of the set's pom into a directory."""
    pom = str(CONF / name / "pom.xml")
    return [maven, "-B", "-q", "-f", pom, MAVEN_COPY, "-DincludeScope=runtime", f"-DoutputDirectory={jars}"]


def ivy_command(java: Path, name: str, jars: Path) -> list[str]:
    """The same by Ivy. Types `jar bundle`: with `jar` alone Ivy drops everything packaged as a bundle."""
    return [
        *(str(java), "-jar", str(_ivy_jar()), "-m2compatible", "-warn"),
        *("-cache", str(jars.parent / "cache"), "-ivy", str(CONF / name / "ivy.xml"), "-confs", "default"),
        *("-types", "jar", "bundle", "-retrieve", f"{jars}/[artifact]-[revision](-[classifier]).[ext]"),
    ]


def _pyspark_folder() -> Path:
    spec = importlib.util.find_spec("pyspark")
    return Path(spec.origin).parent / "jars" if spec and spec.origin else Path("pyspark/jars")


def _ivy_jar() -> Path:
    found = sorted(_pyspark_folder().glob("ivy-*.jar"))
    if not found:
        raise SiteError("neither Maven nor the Ivy of pyspark is there: install pyspark or Maven")
    return found[-1]


def _check(name: str, directory: Path, advice: str) -> None:
    wrong = differences(directory, wanted(name))
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise SiteError(f"jars of {name}: {', '.join(wrong[:3])}{more}: {advice}")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # Two sites may share the jars: one downloads, the other waits.
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
