"""The readers that are compared, each as a function of a path that gives the header's JSON."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pydicom

from dicomdex.extract.memo import Memo
from dicomdex.extract.reader import read
from tests.bench.read_corpus import Corpus

ReadFile = Callable[[str], str | None]
DCM2JSON = "dcm2json"
EVERY_PYDICOM, EVERY_DCM2JSON = 4, 20  # of so many files of a large corpus they read one


@dataclass(frozen=True)
class Method:
    """A reader: `start` gives a fresh one, as a child program has it, and its memo if it has one.

    Of every `every` files one is read; `children` = its work is done by child programs.
    """

    name: str
    start: Callable[[Corpus], tuple[ReadFile, Any]]
    every: int = 1
    children: bool = False


def silence_pydicom() -> None:
    """Its warnings would be printed, which costs time: it is measured without."""
    warnings.simplefilter("ignore")
    logging.getLogger("pydicom").disabled = True


class Pydicom:
    """What pydicom takes to write a whole header as JSON; `lost` = files for which `to_json_dict` raised.

    Such a file is written with `suppress_invalid_tags`, which leaves the element out, at once from its second time on.
    """

    def __init__(self) -> None:
        self.lost: set[str] = set()

    def start(self, corpus: Corpus) -> tuple[ReadFile, None]:
        """A reader of the corpus."""
        root = os.fspath(corpus.root)

        def read_file(path: str) -> str:
            if path in self.lost:
                return self._written(f"{root}/{path}", suppress=True)
            try:
                return self._written(f"{root}/{path}", suppress=False)
            except Exception:  # noqa: BLE001  # whatever it raises, the header is lost
                self.lost.add(path)
                return self._written(f"{root}/{path}", suppress=True)

        return read_file, None

    def _written(self, path: str, *, suppress: bool) -> str:
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        return json.dumps(dataset.to_json_dict(suppress_invalid_tags=suppress))


def _ours(corpus: Corpus, memo: Memo | None) -> tuple[ReadFile, Memo | None]:
    storage = corpus.storage

    def read_file(path: str) -> str | None:
        with storage.open(path) as source:
            return read(source, memo).header

    return read_file, memo


def _dcm2json(corpus: Corpus) -> tuple[ReadFile, None]:
    root = os.fspath(corpus.root)

    def read_file(path: str) -> None:
        # It has no option to leave the pixel data out.
        subprocess.run([DCM2JSON, f"{root}/{path}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    return read_file, None


def methods(reference: Pydicom, *, whole: bool) -> list[Method]:
    """Those that can be measured here; pydicom, which the others are compared with, comes first.

    Unless they are to read the `whole` corpus, the slow ones read a sample of each turn's files.
    """
    found = [
        Method("pydicom", reference.start, every=1 if whole else EVERY_PYDICOM),
        Method("memo off", lambda corpus: _ours(corpus, None)),
        Method("memo on", lambda corpus: _ours(corpus, Memo())),
    ]
    if shutil.which(DCM2JSON):
        found.append(Method("dcm2json", _dcm2json, every=1 if whole else EVERY_DCM2JSON, children=True))
    return found
