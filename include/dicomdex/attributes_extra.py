"""DICOMDEX_EXTRA_ATTRIBUTES: attributes that a site adds to the built-in table, without code.

Entries are separated by `;` or line ends. An entry is a path, and after it, in any order and only where wanted, a VR
and a level (`study` or `series`; `instance` where none is given):

    FlipAngle
    PatientComments study
    0018,9087
    RequestAttributesSequence.ScheduledProcedureStepDescription series
    0040,0275.0040,0007
    0019,xx0C "SIEMENS MR HEADER" IS
    2005,xx0E "Philips MR Imaging DD 005" FL series

The steps of a path are joined by `.`; all but the last name sequences, of which all items count. A step is a keyword
of PS3.6, a tag `gggg,eeee`, or a private element: its group (odd), `xx` for the block that its creator has reserved in
each file (PS3.5 section 7.8.1), two digits, and the creator in single or double quotes. The VR is the dictionary's;
it must be given only for a private element that pydicom's private dictionary does not have, and nowhere else.
The Solr field is the keyword (nested ones joined by `_`), or `p_0019_SIEMENS_MR_HEADER_0C`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from pydicom.datadict import (
    dictionary_has_tag,
    dictionary_VM,
    dictionary_VR,
    keyword_for_tag,
    private_dictionary_VM,
    private_dictionary_VR,
    tag_for_keyword,
)

from dicomdex.attributes_kinds import KINDS_OF_VR, LEVELS, Attribute, Level, Step
from dicomdex.attributes_table import ATTRIBUTES
from dicomdex.errors import SettingsError

EXTRA_MAX = 100  # attributes, some 300 fields: Solr keeps file handles and memory for each field of each segment
DEPTH_MAX = 4

_HEX = "[0-9A-Fa-f]"
_STEP = re.compile(
    rf"(?P<private>(?P<group>{_HEX}{{4}}),?[xX]{{2}}(?P<element>{_HEX}{{2}})\s+"
    r"(?P<quote>['\"])(?P<creator>(?:(?!(?P=quote))[^\n]){1,64})(?P=quote))"
    rf"|(?P<tag>\(?{_HEX}{{4}},{_HEX}{{4}}\)?|{_HEX}{{8}})"
    r"|(?P<keyword>[A-Z][A-Za-z0-9]*)"
)
_ENTRY = re.compile(r"""(?:[^;\n"']|"[^"\n]*"|'[^'\n]*'|["'])+""")
_TEXT_VRS = ("LO", "LT", "PN", "ST", "UC", "UT")


class _Leaf(NamedTuple):
    """What is known of the last step: VR, and whether PS3.6 allows several values."""

    vr: str
    several: bool


def parse(text: str) -> tuple[Attribute, ...]:
    """The attributes of the text, without those that are built in; SettingsError names the entry that can't be."""
    built_in = {attribute.steps: attribute for attribute in ATTRIBUTES}
    taken = {attribute.keyword: attribute.keyword for attribute in ATTRIBUTES}
    found: list[Attribute] = []
    for entry in filter(None, (one.strip() for one in _ENTRY.findall(text))):
        attribute = _attribute(entry)
        if attribute.steps in built_in:
            continue
        if attribute.keyword in taken:
            raise _refused(entry, f"gives the field {attribute.keyword}, as {taken[attribute.keyword]} does")
        taken[attribute.keyword] = entry
        found.append(attribute)
    if len(found) > EXTRA_MAX:
        said = f"names {len(found)} attributes; Solr stays fast with a bounded number of fields: {EXTRA_MAX} at most"
        raise SettingsError(f"DICOMDEX_EXTRA_ATTRIBUTES {said}")
    return tuple(found)


def _refused(entry: str, why: str) -> SettingsError:
    return SettingsError(f"DICOMDEX_EXTRA_ATTRIBUTES: {entry!r} {why}")


def _attribute(entry: str) -> Attribute:
    steps, rest = _path(entry)
    vr, level = _options(entry, rest)
    leaf = _leaf(entry, steps[-1], vr)
    if leaf.vr not in KINDS_OF_VR:
        inside = "is a sequence: name an attribute inside it, like its CodeMeaning"
        raise _refused(entry, inside if leaf.vr == "SQ" else f"has the VR {leaf.vr}, which Solr can't search")
    kind = KINDS_OF_VR[leaf.vr][leaf.several or len(steps) > 1]
    name = "_".join(map(_name, steps))
    facet, search = leaf.vr == "CS", leaf.vr in _TEXT_VRS
    last = steps[-1]
    return Attribute(
        name, last.tag, leaf.vr, level, kind, facet, search, path=steps[:-1], creator=last.creator
    )  # fmt: skip


def _path(entry: str) -> tuple[tuple[Step, ...], str]:
    """The steps of an entry, and what follows them."""
    steps: list[Step] = []
    at = 0
    while True:
        match = _STEP.match(entry, at)
        if match is None:
            raise _refused(entry, 'is no keyword of PS3.6, tag gggg,eeee or private gggg,xxee "CREATOR"')
        steps.append(_step(entry, match))
        at = match.end()
        if entry[at : at + 1] != ".":
            break
        at += 1
    if len(steps) > DEPTH_MAX:
        raise _refused(entry, f"goes through {len(steps) - 1} sequences: {DEPTH_MAX - 1} at most")
    for step in steps[:-1]:
        if not step.creator and _public_vr(step.tag) != "SQ":
            raise _refused(entry, f"goes through {_name(step)}, which is no sequence")
    return tuple(steps), entry[at:]


def _step(entry: str, match: re.Match[str]) -> Step:
    if match["private"]:
        group = int(match["group"], 16)
        if group % 2 == 0:
            raise _refused(entry, f"has a private element in group {match['group']}, which is even")
        return Step(group << 16 | int(match["element"], 16), match["creator"].strip())
    if match["keyword"]:
        tag = tag_for_keyword(match["keyword"])
        if tag is None:
            raise _refused(entry, f"has {match['keyword']}, which is no keyword of PS3.6")
        return Step(tag)
    tag = int(re.sub("[(),]", "", match["tag"]), 16)
    if tag >> 16 & 1:
        raise _refused(entry, 'is private: name its creator, like 0019,xx0C "SIEMENS MR HEADER"')
    if not dictionary_has_tag(tag):
        raise _refused(entry, "has a tag that is not in PS3.6")
    return Step(tag)


def _options(entry: str, rest: str) -> tuple[str, Level]:
    """(VR or empty, level) of the words behind a path."""
    vr, level = "", LEVELS[-1]
    if rest and not rest[0].isspace():
        raise _refused(entry, f"can't be read from {rest.strip()!r} on")
    for word in rest.split():
        if word.lower() in LEVELS:
            level = next(one for one in LEVELS if one == word.lower())
        elif re.fullmatch("[A-Z]{2}", word) and not vr:
            vr = word
        else:
            raise _refused(entry, f"has {word!r} behind its path, which is neither a VR nor study, series or instance")
    return vr, level


def _leaf(entry: str, step: Step, given: str) -> _Leaf:
    """VR and VM of PS3.6, or of pydicom's dictionary of private elements."""
    if not step.creator:
        vr = _public_vr(step.tag)
        if given and given != vr:
            raise _refused(entry, f"is {vr} by PS3.6, not {given}")
        return _Leaf(vr, dictionary_VM(step.tag) != "1")
    key = f"{step.tag >> 16:04X}xx{step.tag & 0xFF:02X}"
    tag = step.tag | 0x1000
    try:
        known = private_dictionary_VR(tag, step.creator)
        return _Leaf(given or known, private_dictionary_VM(tag, step.creator) != "1")
    except KeyError:
        if not given:
            raise _refused(entry, f'has no known VR: add one, like {key} "{step.creator}" LO') from None
        return _Leaf(given, True)


def _public_vr(tag: int) -> str:
    """The dictionary's VR; US or SS, or OB or OW, is the first of them."""
    return dictionary_VR(tag).split(" or ")[0]


def _name(step: Step) -> str:
    if step.creator:
        creator = re.sub("[^A-Za-z0-9]+", "_", step.creator).strip("_")
        return f"p_{step.tag >> 16:04x}_{creator}_{step.tag & 0xFF:02X}"
    return keyword_for_tag(step.tag) or f"tag_{step.tag:08X}"
