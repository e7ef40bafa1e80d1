"""Documents as serving needs them: by file_id, by id, by UID, all instances below a study or series.

Filters are our own text; what a client said is a parameter, put in after parsing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from dicomdex.adapters.solr import Solr
from dicomdex.serve import LOCATOR_FIELDS, is_file_id

ROWS = 1_000
ID_MAX = 400  # characters: two UIDs and what stands between them
COPIES_MAX = 200
IDS_A_QUERY = 500
OF_A_FILE = "{!terms f=level}instance,copy"

Document = dict[str, Any]


class Documents:
    """Documents of an alias. SolrUnavailable, SolrRejected."""

    def __init__(self, solr: Solr, alias: str) -> None:
        self._solr = solr
        self._alias = alias

    def of_file(self, file_id: str) -> Document | None:
        """The instance or copy document of a file; None for an id that nothing has, or that is none."""
        if not is_file_id(file_id):
            return None
        found = self._asked([OF_A_FILE, "{!term f=file_id v=$file}"], {"file": file_id}, limit=1)
        return next(iter(found["docs"]), None)

    def of_id(self, document_id: str, fields: tuple[str, ...] = LOCATOR_FIELDS) -> Document | None:
        """The document of this id, of any level."""
        if len(document_id) > ID_MAX:
            return None
        return next(iter(self._asked(["{!term f=id v=$id}"], {"id": document_id}, fields, limit=1)["docs"]), None)

    def of_ids(self, ids: Sequence[str], fields: tuple[str, ...] = LOCATOR_FIELDS) -> list[Document]:
        """The documents of these ids (without commas), in their order; those that are no more are left out."""
        found: dict[str, Document] = {}
        for start in range(0, len(ids), IDS_A_QUERY):
            params = {"ids": ",".join(ids[start : start + IDS_A_QUERY])}
            page = self._asked(["{!terms f=id v=$ids}"], params, ("id", *fields), limit=IDS_A_QUERY)
            found.update((one["id"], one) for one in page["docs"])
        return [found[one] for one in ids if one in found]

    def with_uid(self, sop: str) -> list[Document]:
        """Files of one SOP Instance UID, the primary first: duplicates and conflicts are copies of it."""
        found = self._asked([OF_A_FILE, "{!term f=SOPInstanceUID v=$sop}"], {"sop": sop}, limit=COPIES_MAX)["docs"]
        return sorted(found, key=lambda one: (one["level"] == "copy", one["id"]))

    def below(self, document: Document, fields: tuple[str, ...] = LOCATOR_FIELDS) -> Iterator[Document]:
        """The instances of a study or series, series by series; of any other document itself."""
        if document["level"] not in ("study", "series"):
            yield document
            return
        filters, params = _inside(document, "instance")
        body = self._body(filters, params, fields, ROWS, "series asc, id asc")
        cursor, known = "*", ""
        while cursor != known:
            body["params"]["cursorMark"] = known = cursor
            answer = self._solr.request("POST", f"/{self._alias}/query", json=body)
            yield from answer["response"]["docs"]
            cursor = str(answer["nextCursorMark"])

    def inside(
        self, document: Document, level: Literal["series", "instance"], fields: tuple[str, ...], limit: int, sort: str
    ) -> tuple[int, list[Document]]:
        """How many series a document's study has (or instances its series), and the first of them."""
        filters, params = _inside({**document, "level": "study" if level == "series" else "series"}, level)
        found = self._asked(filters, params, fields, limit=limit, sort=sort)
        return int(found["numFound"]), list(found["docs"])

    def _asked(
        self,
        filters: list[str],
        params: Mapping[str, str],
        fields: tuple[str, ...] = LOCATOR_FIELDS,
        *,
        limit: int,
        sort: str = "",
    ) -> dict[str, Any]:
        body = self._body(filters, params, fields, limit, sort)
        answer: dict[str, Any] = self._solr.request("POST", f"/{self._alias}/query", json=body)
        return dict(answer["response"])

    def _body(
        self, filters: list[str], params: Mapping[str, str], fields: tuple[str, ...], limit: int, sort: str
    ) -> dict[str, Any]:
        given = {**params, "expandMacros": "false"}  # else Solr would put parameters in for `${..}` in what came
        body = {"query": "*:*", "filter": filters, "fields": list(fields), "limit": limit, "params": given}
        return {**body, "sort": sort} if sort else body


def _inside(document: Document, level: str) -> tuple[list[str], dict[str, str]]:
    """Filters for what lies in a study or series: a Series Instance UID may occur in several studies."""
    filters, params = [f"{{!term f=level}}{level}", "{!term f=study v=$study}"], {"study": str(document["study"])}
    if document["level"] == "series":
        filters.append("{!term f=series v=$series}")
        params["series"] = str(document["series"])
    return filters, params
