"""A page before a landing area of its own, without engines: documents in memory, asked as Solr would be."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from dicomdex.extract.row import file_id
from tests.unit.web import page

_TERM = re.compile(r"\{!(?:term|field) f=(\w+) v=\$(\w+)\}")
_LEVELS = re.compile(r"\{!terms? f=level\}([\w,]+)")
_IDS = re.compile(r"\{!terms f=id .*v=\$(\w+)\}")


class FakeSolr:
    """Answers the requests of `served_documents` over a list of documents."""

    def __init__(self) -> None:
        self.documents: list[dict[str, Any]] = []

    def request(self, _method: str, _path: str, *, json: dict[str, Any]) -> dict[str, Any]:
        """One `/query`."""
        found = [one for one in self.documents if all(_passes(text, json["params"], one) for text in json["filter"])]
        mark = json["params"].get("cursorMark", "")
        shown = [] if mark == "end" else found[: json["limit"]]
        return {"response": {"numFound": len(found), "docs": shown}, "nextCursorMark": "end"}

    def close(self) -> None:
        """Nothing is open."""


class Taking:
    """The application and its landing area; what is laid has a document."""

    def __init__(self, root: Path) -> None:
        self.landing = root / "landing"
        self.landing.mkdir()
        self.app: FastAPI = page(root)
        self.solr = FakeSolr()
        self.app.state.search.solr = self.solr

    def lay(self, name: str, content: bytes, **fields: Any) -> dict[str, Any]:
        """A file of the drop `d`, and the document of an instance."""
        path = self.landing / "d" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        known = {
            "level": "instance", "study": "1", "series": "1.2", "drop": ["d"], "path": f"d/{name}",
            "size": len(content), "mtime": path.stat().st_mtime_ns, "Modality": "CT",
        }  # fmt: skip
        made: dict[str, Any] = {**known, **fields}
        made["file_id"] = file_id("d", made["path"], made.get("member"))
        made["id"] = f"{made['study']}!i.{made.get('SOPInstanceUID', made['file_id'])}"
        self.solr.documents.append(made)
        return made


def _passes(text: str, params: dict[str, str], document: dict[str, Any]) -> bool:
    if levels := _LEVELS.fullmatch(text):
        return document["level"] in levels[1].split(",")
    if ids := _IDS.fullmatch(text):
        return document["id"] in params[ids[1]].split(",")
    term = _TERM.fullmatch(text)
    assert term, text
    return document.get(term[1]) == params[term[2]]
