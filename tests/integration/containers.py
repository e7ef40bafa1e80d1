"""The services of docker-compose.yaml as plain programs: their very commands, environments, secrets and files.

What a container would have of its own is put in its place: each service has an address of its own in 127.0.0.0/8
instead of a name, so that ports stay as they are, and directories below a temporary one instead of volumes.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil

from dicomdex.packages import write_packages
from dicomdex_local import compose_secrets, pids
from dicomdex_local.debian import ensure_program, find_program
from dicomdex_local.image import link_hadoop
from dicomdex_local.java import find_java, java_home
from dicomdex_local.postgres import PACKAGE, PLACES, as_system_user
from tests.compose_file import REPO, renamed, services
from tests.integration.waiting import wait_for

HEALTHY_LIMIT = 300.0
# What a name of a service follows where its address is meant: in files, and among arguments.
_NAMES_HOST = "bind"
_HOST_OPTIONS = ("--host", "-h")


class Containers:
    """Services of a profile. `variables` are those of the file; `extra` are copies of a service: name -> original."""

    def __init__(
        self, root: Path, jars: Path, profile: str, extra: dict[str, str] | None = None, **variables: str
    ) -> None:
        self.root = root
        self.services = services(profile, **variables)
        for name, original in (extra or {}).items():
            self.services[name] = renamed(self.services[original], original, name)
        net = f"127.{random.randint(10, 250)}.{random.randint(10, 250)}"
        self.addresses = {name: f"{net}.{place}" for place, name in enumerate(self.services, 1)}
        self.programs: dict[str, psutil.Popen] = {}
        self.landing = root / "landing"
        self.landing.mkdir()
        self.made = compose_secrets.ensure(root / "compose", root / ".env")
        self._furnish(jars)

    def _furnish(self, jars: Path) -> None:
        """What the image holds, as dicomdex_local.image makes it."""
        (self.root / "jars").mkdir()
        for name in ("solr", "delta", "hdfs"):
            (self.root / "jars" / name).symlink_to(jars / name)
        link_hadoop(self.root / "jars" / "hadoop")
        write_packages(self.root / "dicomdex.zip")

    # one service

    def start(self, name: str) -> None:
        """Start it, and wait until it is well, or has ended well where it is to end."""
        self.launch(name)
        self.wait_well(name)

    def launch(self, name: str) -> None:
        """Start it; returns at once."""
        self._mirror(name)
        if name == "postgres":
            self._initdb(name)
        with self.log(name).open("ab") as log:
            self.programs[name] = psutil.Popen(
                self._command(name, self.services[name]["command"]),
                cwd=self.root / "tmp" / name,
                env=self.environment(name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_well(self, name: str) -> None:
        """By its own health check; AssertionError with the end of its log."""
        ends = self.services[name]["healthcheck"] == {"disable": True}
        program = self.programs[name]

        def well() -> bool:
            code = program.poll()
            assert code is None or (ends and code == 0), f"{name} ended: {self.tail(name)}"
            return code == 0 if ends else self.is_well(name)

        try:
            wait_for(f"the health of {name}", well, limit=HEALTHY_LIMIT)
        except AssertionError as error:
            raise AssertionError(f"{error}: {self.tail(name)}") from None

    def is_well(self, name: str) -> bool:
        """One run of the health check."""
        kind, *command = self.services[name]["healthcheck"]["test"]
        words = ["sh", "-c", *command] if kind == "CMD-SHELL" else command
        done = subprocess.run(
            self._command(name, words), env=self.environment(name), cwd=self.root, capture_output=True, check=False
        )
        return done.returncode == 0

    def kill(self, name: str) -> None:
        """kill -9 of the service and all that it has started."""
        family = pids.tree([self.programs[name]])
        for program in family:
            program.kill()
        psutil.wait_procs(family, timeout=30)

    def stop(self) -> None:
        """End all, those started last first."""
        for program in reversed(self.programs.values()):
            family = pids.tree([program])
            pids.stop([program], 20)
            pids.stop([one for one in family if one.is_running()], 5)

    def log(self, name: str) -> Path:
        """Where its output goes."""
        return self.root / f"{name}.log"

    def tail(self, name: str) -> str:
        """The end of its output."""
        return self.log(name).read_text(errors="replace")[-1500:]

    # in place of what a container has

    def environment(self, name: str) -> dict[str, str]:
        """The image's, then the service's own."""
        home = java_home(find_java() or Path("java"))
        system = ":".join(str(path.parent) for path in _debian_programs())
        image = {
            "PATH": f"{Path(sys.executable).parent}:{home / 'bin'}:{system}:/usr/bin:/bin",
            "JAVA_HOME": str(home),
            "PYTHONUNBUFFERED": "1",
            "DICOMDEX_JARS": str(self.root / "jars"),
            "HOME": str(self.root / "tmp" / name),
            "TMPDIR": str(self.root / "tmp" / name),
        }
        given = self.services[name].get("environment") or {}
        own = {key: self.placed(name, str(value)) for key, value in given.items()}
        names = {key: self.addresses[name] for key in ("SPARK_LOCAL_IP", "SPARK_LOCAL_HOSTNAME") if key in own}
        return {**image, **own, **names}

    def placed(self, name: str, text: str) -> str:
        """Text of the service `name` with its paths and the addresses of all."""
        for inside, outside in self._places(name):
            text = text.replace(inside, str(outside))
        text = text.replace("0.0.0.0", self.addresses[name])  # noqa: S104
        hosts = "|".join(sorted(map(re.escape, self.addresses), key=len, reverse=True))
        by_port, by_option = rf"()(?<![\w.-])({hosts})(?=:\d)", rf"(host=|-h |<value>)({hosts})(?![\w.-])"
        for where in (by_port, by_option, rf"(?m)(^{_NAMES_HOST} )({hosts})$"):
            text = re.sub(where, lambda found: f"{found[1]}{self.addresses[found[2]]}", text)
        return text

    def _command(self, name: str, words: Iterable[str]) -> list[str]:
        """A word that is a service's name is an address after an option that names a host, or before a port."""
        given = list(map(str, words))
        placed = [given[0]]
        for before, word, after in zip(given[:-1], given[1:], [*given[2:], ""], strict=True):
            is_host = word in self.addresses and (before in _HOST_OPTIONS or after.isdigit())
            placed.append(self.addresses[word] if is_host else self._placed_word(name, word))
        if name == "postgres" and placed[0] == "postgres":
            # Its socket is in the container's own /var/run.
            placed = [*as_system_user(), *placed, "-c", f"unix_socket_directories={self.root / 'tmp' / name}"]
        return placed

    def _placed_word(self, name: str, word: str) -> str:
        return word if word in self.addresses else self.placed(name, word)

    def _places(self, name: str) -> list[tuple[str, Path]]:
        own = self.root / name
        volumes = [mount.split(":")[:2] for mount in self.services[name].get("volumes", ())]
        places = [(inside, self.root / "volumes" / source) for source, inside in volumes if not source.startswith(".")]
        image = [
            ("/opt/dicomdex/jars", self.root / "jars"),
            ("/opt/dicomdex/dicomdex.zip", self.root / "dicomdex.zip"),
            ("/opt/dicomdex/.venv", Path(sys.prefix)),
            ("/opt/dicomdex/spark-conf", own / "spark-conf"),
            ("/opt/dicomdex/compose", own / "compose"),
            ("/opt/dicomdex", REPO),
            ("/run/secrets", own / "secrets"),
        ]
        landing = [("file:///landing", self.landing.as_uri())]
        return [*places, *image, *landing]  # type: ignore[list-item]

    def _mirror(self, name: str) -> None:
        """Secrets and files of this service, with paths and addresses in them; its volumes as directories."""
        for source, _ in (mount.split(":")[:2] for mount in self.services[name].get("volumes", ())):
            if not source.startswith("."):
                (self.root / "volumes" / source).mkdir(parents=True, exist_ok=True)
        (self.root / "tmp" / name).mkdir(parents=True, exist_ok=True)
        for source, target in (
            (self.made.secrets, "secrets"),
            (self.made.spark_conf, "spark-conf"),
            (REPO / "compose", "compose"),
        ):
            self._copy(name, source, self.root / name / target)
        for mount in self.services[name].get("volumes", ()):
            source, inside = mount.split(":")[:2]
            if source.endswith(".xml"):
                shutil.copyfile(REPO / source, self.placed(name, inside))

    def _copy(self, name: str, source: Path, target: Path) -> None:
        for path in source.rglob("*"):
            if path.is_file():
                copied = target / path.relative_to(source)
                copied.parent.mkdir(parents=True, exist_ok=True)
                copied.write_text(self.placed(name, path.read_text()))
                copied.chmod(0o600)

    def _initdb(self, name: str) -> None:
        """What the image's entry point does by its documented variables."""
        asked = self.environment(name)
        home = Path(asked["PGDATA"])
        if os.geteuid() == 0:
            for directory in (home.parent, self.root / "tmp" / name):
                shutil.chown(directory, "postgres", "postgres")
        options = [*asked["POSTGRES_INITDB_ARGS"].split(), f"--pwfile={asked['POSTGRES_PASSWORD_FILE']}"]
        program = str(ensure_program("initdb", PACKAGE, PLACES))
        command = [*as_system_user(), program, "-D", str(home), "-U", asked["POSTGRES_USER"], *options]
        subprocess.run(command, cwd=home.parent, check=True, capture_output=True)
        single = [*as_system_user(), str(Path(program).with_name("postgres")), "--single", "-D", str(home), "postgres"]
        statement = f"CREATE DATABASE {asked['POSTGRES_DB']};\n".encode()
        subprocess.run(single, cwd=home.parent, input=statement, check=True, capture_output=True)
        (home / "pg_hba.conf").write_text((home / "pg_hba.conf").read_text() + "host all all all scram-sha-256\n")


def _debian_programs() -> list[Path]:
    wanted = {"postgres": PLACES, "pg_isready": PLACES, "redis-server": (), "redis-cli": ()}
    packages = {"postgres": PACKAGE, "pg_isready": PACKAGE, "redis-server": "redis-server", "redis-cli": "redis-tools"}
    return [
        find_program(name, places) or ensure_program(name, packages[name], places) for name, places in wanted.items()
    ]
