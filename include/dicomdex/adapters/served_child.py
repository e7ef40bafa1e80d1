"""The program that opens files for the page: `python -m dicomdex.adapters.served_child`, kept by `served_children`.

It answers one job after the other over its standard input and output (`frames`) until its input ends: a header as the
reader gives it, or a thumbnail. A file that kills, spins or eats memory ends this program and nothing else.
"""

from __future__ import annotations

import gc
import os
import sys
import warnings
from typing import Any

import orjson

from dicomdex.adapters import frames
from dicomdex.adapters.child_limits import OUT_OF_MEMORY, ChildLimits
from dicomdex.adapters.served import Opened, open_file
from dicomdex.adapters.storage import Storage, storage
from dicomdex.extract.doubt import PARSE_ERRORS
from dicomdex.extract.reject import Rejected
from dicomdex.serve import Locator, Refusal

MADE, NOT_MADE = b"M", b"N"


def main() -> None:
    """Be such a child."""
    from dicomdex.adapters import served_pixels  # before the limits hold: what it imports is not the first file's cost

    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):  # what a decoder prints may quote a file
        os.dup2(nowhere, descriptor)
    warnings.simplefilter("ignore")
    begun = frames.receive(sys.stdin.buffer)
    if begun is None:
        return
    told = orjson.loads(begun[1])
    landing = storage(told["landing"])
    gc.freeze()
    limits = ChildLimits(told["cpu_seconds"], told["memory"])
    frames.send(answers, frames.READY, {})
    jobs = {"header": _header, "thumbnail": served_pixels.thumbnail}
    while (frame := frames.receive(sys.stdin.buffer)) is not None:
        wanted = orjson.loads(frame[1])
        limits.begin()
        kind, payload = _answer(landing, Locator(**wanted["locator"]), jobs[wanted["job"]], served_pixels.NoPixels)
        limits.pause()
        frames.send(answers, kind, payload)


def _answer(landing: Storage, locator: Locator, job: Any, no_pixels: type[Exception]) -> tuple[bytes, Any]:
    try:
        opened = open_file(landing, locator)
        if isinstance(opened, Refusal):
            return NOT_MADE, {"reason": opened.reason, "sentence": opened.sentence}
        with opened:
            return MADE, job(opened)
    except no_pixels as said:
        return NOT_MADE, {"reason": "no_pixels", "sentence": str(said)}
    except Rejected as rejected:
        return NOT_MADE, {"reason": "broken", "sentence": rejected.reject.detail}
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except OSError as error:
        return NOT_MADE, {"reason": "storage", "errno": error.errno, "sentence": ""}
    except (*PARSE_ERRORS, RuntimeError, NotImplementedError) as error:  # the text of a decoder may quote the file
        return NOT_MADE, {"reason": "undecodable", "sentence": f"Its pixels can't be decoded ({type(error).__name__})."}


def _header(opened: Opened) -> dict[str, Any]:
    from dicomdex.extract.reader import read

    reading = read(opened)
    return {
        "outcome": reading.outcome,
        "detail": reading.detail,
        "header": reading.header,
        "warnings": reading.warnings,
        "parser": reading.parser,
    }


if __name__ == "__main__":
    main()
