"""Conditions as Solr's clauses: templates of our own, in which whatever a person typed stands as a parameter (`$v3`).

Solr puts a parameter in after it has read the clause, so that no text of a person is ever read as a query, but by an
edismax that knows no other field (`uf=-*`) and no other parser.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from dicomdex.attributes import Level
from dicomdex.errors import QueryRefused
from dicomdex.search import Filter
from dicomdex.search_fields import TAGS_PRESENT, Field, Fields
from dicomdex.search_values import ends, ranged

# All words must be found, each in any of the fields; `and` and `or` are words like others.
TEXT_PARSER = "edismax uf=$uf q.op=AND sow=true lowercaseOperators=false"
NO_FIELD = "-*"
UID = re.compile(r"[0-9]+(\.[0-9]+)+", re.ASCII)
UID_FIELDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
_NAME_PARTS = re.compile(r"[\^=,\s]+")  # as the type `pn` cuts names
_WORD = re.compile(r"\w+(?:[.]\w+)*")
_LEVELS = {"study": "level:study", "series": "level:series", "instance": "level:instance"}
_WITH_COPIES = "level:(instance OR copy)"


class Clauses:
    """Makes clauses for one request and keeps what people typed in `params`."""

    def __init__(self, fields: Fields) -> None:
        self.fields = fields
        self.params: dict[str, str] = {"uf": NO_FIELD, "qf": " ".join(fields.of_text())}

    def level(self, level: Level, *, copies: bool = False) -> str:
        """Documents of a level; copies count as instances only where they are asked for."""
        return _WITH_COPIES if copies else _LEVELS[level]

    def text(self, text: str) -> str:
        """Free text over instances, whose documents hold the words of their series and study too; a UID is compared."""
        words = f"{{!{TEXT_PARSER} qf=$qf v={self.param(text)}}}"
        if not UID.fullmatch(text):
            return words
        return self.any_of([words, *(f"{{!term f={name} v={self.param(text)}}}" for name in UID_FIELDS)])

    def filter(self, wanted: Filter, level: Level) -> str:
        """What the filter asks of a document of this level."""
        field = self.fields[wanted.field]
        if field.shape == "tag":
            return self._without_tag(field, wanted)
        if field.shown_only:
            raise QueryRefused(f"{field.name} is only shown: ask for the file_id")
        found = [self._is(field, value, level) for value in wanted.values]
        if wanted.low or wanted.high:
            found.append(self._between(field, wanted.low, wanted.high))
        if wanted.prefix:
            found.append(self._begins(field, wanted.prefix, level))
        if wanted.missing:
            found.append(f"(*:* -{field.on(level)}:[* TO *])")
        return self.any_of(found)

    def param(self, text: str) -> str:
        """A reference to a text, which becomes a parameter; the same text is one parameter."""
        for name, known in self.params.items():
            if known == text and name.startswith("v"):
                return f"${name}"
        name = f"v{len(self.params)}"
        self.params[name] = text
        return f"${name}"

    def any_of(self, clauses: Sequence[str]) -> str:
        """Documents of any of the clauses."""
        return clauses[0] if len(clauses) == 1 else self._bool("should", clauses)

    def all_of(self, clauses: Sequence[str], *, tag: str = "") -> str:
        """Documents of all the clauses; a tag lets a facet leave the clause out."""
        return self._bool("must", clauses, f" tag={tag}" if tag else "")

    def joined(self, key: str, clause: str) -> str:
        """Documents that share the key with one of the clause's; a study's documents lie on one shard.

        By docValues of what matches: by the index Solr would go through every key that there is.
        """
        return f"{{!join method=topLevelDV from={key} to={key} v={self.param(clause)}}}"

    def _bool(self, occur: str, clauses: Sequence[str], more: str = "") -> str:
        return f"{{!bool {' '.join(f'{occur}={self.param(clause)}' for clause in clauses)}{more}}}"

    def _without_tag(self, field: Field, wanted: Filter) -> str:
        if wanted != Filter(wanted.field, missing=True):
            raise QueryRefused(f"{field.name} is a tag: it can only be asked to be missing")
        return f"(*:* -{TAGS_PRESENT}:{field.name})"

    def _is(self, field: Field, value: str, level: Level) -> str:
        if ranged(field):
            return self._between(field, value, value)
        # Not {!term}, which looks into the index alone and not into docValues.
        return f"{{!field f={field.on(level)} v={self.param(value)}}}"

    def _between(self, field: Field, low: str, high: str) -> str:
        first, last = ends(field, low, high)
        return f"{field.number}:[{first} TO {last}]"

    def _begins(self, field: Field, text: str, level: Level) -> str:
        if ranged(field):
            raise QueryRefused(f"{field.name} has no beginning: give values or a range")
        if not field.words:
            return f"{{!prefix f={field.on(level)} v={self.param(text)}}}"
        words = _NAME_PARTS.split(text) if field.shape == "name" else _WORD.findall(text)
        begun = [re.sub(r"([^\w])", r"\\\1", word) + "*" for word in words if word]
        if not begun:
            raise QueryRefused(f"nothing to look for in {field.name}")
        return self.all_of([f"{{!{TEXT_PARSER} qf={field.words} v={self.param(word)}}}" for word in begun])
